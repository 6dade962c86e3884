"""The container files: what they promise to people who run them, read from the files themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.config import image

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def profiles_of(name: str) -> list[str]:
    profiles: list[str] = SERVICES[name].get("profiles", [])
    return profiles


def test_the_image_runs_as_nobody_special() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]

    assert re.search(r"^USER hearth$", last_stage, re.MULTILINE)
    assert last_stage.index("USER hearth") < last_stage.index("ENTRYPOINT")


def test_the_image_that_runs_has_no_compiler() -> None:
    builder, last_stage = DOCKERFILE.rsplit("\nFROM ", 1)

    assert "build-essential" in builder
    assert "build-essential" not in last_stage


def test_the_lock_is_installed_with_its_hashes_and_nothing_beside_it() -> None:
    installs = re.findall(r"pip install (.*)", DOCKERFILE)

    assert installs == ["--no-deps --require-hashes -r /build/requirements.lock"]


def test_the_first_process_hands_signals_on_and_buries_what_is_left_behind() -> None:
    assert image.entrypoint()[:2] == ["tini", "--"]
    assert re.search(r"apt-get install .*\btini\b", image.LAST_STAGE)


def test_the_build_sees_the_sources_and_no_data_or_secrets() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()

    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert {"manage.py", "webui", "rag", "inference", "templates", "static", "requirements.lock"} <= allowed
    assert not allowed & {"data", ".env", ".git", ".venv", "tests"}


def test_site_and_model_server_start_without_a_profile() -> None:
    assert {name for name in SERVICES if not profiles_of(name)} == {"web", "inference"}


def test_the_model_server_may_start_without_a_key_because_only_the_site_reaches_it() -> None:
    assert "ports" not in SERVICES["inference"]
    assert SERVICES["inference"]["environment"]["HEARTH_API_OPEN"] == "yes"
    for name in ("web", "inference"):
        assert "HEARTH_API_KEY" in SERVICES[name]["environment"]


@pytest.mark.parametrize(("profile", "services"), [("ollama", {"ollama"}), ("scale", {"database", "redis"})])
def test_a_profile_adds_its_services(profile: str, services: set[str]) -> None:
    assert {name for name in SERVICES if profile in profiles_of(name)} == services


def test_both_keep_their_data_on_one_volume() -> None:
    assert SERVICES["web"]["volumes"] == SERVICES["inference"]["volumes"] == ["data:/data"]


def test_a_model_server_of_the_machine_has_a_name_inside() -> None:
    assert SERVICES["web"]["extra_hosts"] == ["host.docker.internal:host-gateway"]


def test_only_the_site_can_be_reached_and_only_from_this_machine_unless_told_otherwise() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"web": ["${HEARTH_PUBLISH:-127.0.0.1:3000}:3000"]}


def test_no_secret_has_a_value_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEYS|DATABASE_URL", name):
                assert value is None, f"{name} must come from the shell or from .env"


def test_the_model_server_is_given_no_secret_but_its_own_key() -> None:
    names = SERVICES["inference"]["environment"]

    assert all(name.startswith(("OLLAMA_", "HEARTH_API_")) for name in names)


def test_the_site_waits_for_the_model_server() -> None:
    assert SERVICES["web"]["depends_on"] == {"inference": {"condition": "service_healthy"}}
    assert "healthcheck" in SERVICES["inference"]
