"""The documentation names what is there: every variable, every file, and the commands of the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from inference.server.variables import VARIABLES, Variable, documented_row
from tests.config.variables import READS, variables_read

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = (ROOT / "docs" / "reference" / "settings.md").read_text()


def test_the_sources_are_read_as_this_test_expects() -> None:
    assert {"HEARTH_DATA", "HEARTH_PORT", "OLLAMA_HOST", "OLLAMA_NUM_PARALLEL", "DATABASE_URL"} <= variables_read()


@pytest.mark.parametrize("name", sorted(variables_read()))
def test_the_reference_lists_a_variable(name: str) -> None:
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_the_reference_says_of_a_variable_what_the_server_says(variable: Variable) -> None:
    assert documented_row(variable) in REFERENCE.splitlines()


def test_every_variable_that_the_model_server_reads_is_in_its_table() -> None:
    source = (ROOT / "inference" / "server" / "conf.py").read_text()
    read = {name for pair in READS.findall(source) for name in pair if name}

    assert read - {"HEARTH_DATA"} <= {variable.name for variable in VARIABLES if variable.support == "honoured"}


def test_the_reference_lists_nothing_that_is_not_read() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", REFERENCE, re.MULTILINE))

    assert documented <= variables_read()


def test_compose_passes_on_only_variables_that_exist() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    for name in ("web", "inference"):
        assert set(services[name]["environment"]) <= variables_read()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert not missing


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]

    assert [page for page in pages if page != "index.md" and f"({page})" not in index] == []


def test_the_readme_gives_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()

    assert re.search(r"^make up$", readme, re.MULTILINE)
    assert re.search(r"^make test$", readme, re.MULTILINE)


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("\nmake test")
