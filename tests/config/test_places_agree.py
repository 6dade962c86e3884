"""What the image says of itself, and what compose, the kustomization and the chart believe of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import resolve

from tests.config import image
from tests.config.kubernetes import Programs, Thing, component, containers, of_kind
from tests.config.test_kubernetes import FULL, SEVERAL
from tests.config.variables import variables_read
from webui.management.supervisor import GRACE_S

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)["services"]
COMPOSES_OWN = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
"""Variables that compose reads in order to publish a port."""
GUIDES = {name: (ROOT / "docs" / "how-to" / f"{name}.md").read_text() for name in ("containers", "kubernetes")}
MODEL_SERVER_PORT = 11434


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How one of them runs the site and the model server.

    Attributes:
        image: Name and tag.
        commands: What each is told to run.
        ports: Where each listens.
        probes: Paths that each is asked for.
        grace_s: What each is given to end, the least of them.
        model_server: The address at which the site looks for it.
    """

    image: str
    commands: tuple[list[str], list[str]]
    ports: tuple[int, int]
    data: tuple[str, str]
    probes: tuple[set[str], set[str]]
    variables: frozenset[str]
    grace_s: float
    model_server: str
    users: frozenset[int]


def compose() -> Place:
    web, inference = COMPOSE["web"], COMPOSE["inference"]
    assert web["ports"][0].endswith(f":{web['environment']['HEARTH_PORT']}")
    return Place(
        image=web["image"],
        commands=(web["command"], inference["command"]),
        ports=(int(web["environment"]["HEARTH_PORT"]), port_of(inference["environment"]["OLLAMA_HOST"])),
        data=(web["volumes"][0].partition(":")[2], inference["volumes"][0].partition(":")[2]),
        probes=(set(paths_in(image.health_check())), set(paths_in(inference["healthcheck"]["test"]))),
        variables=frozenset(web["environment"]) | frozenset(inference["environment"]),
        grace_s=float(web["stop_grace_period"].removesuffix("s")),
        model_server=web["environment"]["HEARTH_INFERENCE_URL"].replace("//inference:", "//NAME-inference:"),
        users=frozenset({image.uid()}),
    )


def paths_in(command: list[str]) -> list[str]:
    return re.findall(r"(?:11434|'GET', ')(/\w*)", " ".join(command))


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def of_kubernetes(things: list[Thing]) -> Place:
    pods = [component(things, "Deployment", name)["spec"]["template"]["spec"] for name in ("web", "inference")]
    web, inference = (pod["containers"][0] for pod in pods)
    service = component(things, "Service", "inference")
    address = value_of(web, "HEARTH_INFERENCE_URL")
    assert address == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    (listens,) = {
        *(
            settings["data"]["OLLAMA_HOST"]
            for settings in of_kind(things, "ConfigMap")
            if "OLLAMA_HOST" in settings["data"]
        ),
        *(entry["value"] for entry in inference["env"] if entry["name"] == "OLLAMA_HOST"),
    }
    assert inference["ports"][0]["containerPort"] == port_of(listens)
    (name,) = {container["image"] for pod in pods for container in containers({"spec": pod})}
    return Place(
        image=name,
        commands=(web["args"], inference["args"]),
        ports=(web["ports"][0]["containerPort"], inference["ports"][0]["containerPort"]),
        data=(mount_of(web, "data"), mount_of(inference, "models")),
        probes=(probed(web), probed(inference)),
        variables=frozenset(
            {
                entry["name"]
                for pod in pods
                for container in containers({"spec": pod})
                for entry in container.get("env", [])
            }
            | {name for settings in of_kind(things, "ConfigMap") for name in settings["data"]}
        ),
        grace_s=min(pod["terminationGracePeriodSeconds"] for pod in pods),
        model_server=re.sub(r"//[\w-]+-inference:", "//NAME-inference:", address),
        users=frozenset(
            number
            for pod in pods
            for key, number in pod["securityContext"].items()
            if key in ("runAsUser", "runAsGroup", "fsGroup")
        ),
    )


def value_of(container: Thing, name: str) -> str:
    (value,) = [entry["value"] for entry in container["env"] if entry["name"] == name]
    return str(value)


def mount_of(container: Thing, volume: str) -> str:
    (path,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == volume]
    return str(path)


def probed(container: Thing) -> set[str]:
    named = {port["name"] for port in container["ports"]}
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} <= named
    return {probe["path"] for probe in probes}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    programs = Programs(tmp_path_factory.mktemp("kubernetes"))
    return {
        "compose": compose(),
        "kustomize": of_kubernetes(programs.kustomized("base")),
        "kustomize, with an ingress": of_kubernetes(programs.kustomized("overlays/ingress")),
        "kustomize, several": of_kubernetes(programs.kustomized("overlays/replicas")),
        "helm": of_kubernetes(programs.chart({})),
        "helm, all given": of_kubernetes(programs.chart(FULL)),
        "helm, several": of_kubernetes(programs.chart(SEVERAL)),
    }


def test_all_run_one_image(places: dict[str, Place]) -> None:
    assert {place.image for place in places.values()} == {"hearth:local"}


def test_all_give_the_same_commands(places: dict[str, Place]) -> None:
    for name, place in places.items():
        several = name.endswith("several")
        assert place.commands == ([["web"], ["up", "--only", "web"]][not several], ["serve"]), name


def test_all_ask_the_site_where_it_listens(places: dict[str, Place]) -> None:
    inside = int(image.environment()["HEARTH_PORT"])

    assert image.instruction("EXPOSE") == str(inside)
    for name, place in places.items():
        # Compose says which; the others leave it to the image.
        assert "HEARTH_PORT" in place.variables or place.ports[0] == inside, name
        assert place.ports[1] == MODEL_SERVER_PORT
        assert place.model_server == f"http://NAME-inference:{MODEL_SERVER_PORT}"


def test_all_keep_the_data_where_the_image_puts_it(places: dict[str, Place]) -> None:
    folder = image.environment()["HEARTH_DATA"]

    assert image.instruction("VOLUME") == folder
    assert {place.data for place in places.values()} == {(folder, folder)}


def test_all_run_as_the_user_of_the_image(places: dict[str, Place]) -> None:
    assert {place.users for place in places.values()} == {frozenset({image.uid()})}


def test_all_ask_for_paths_that_answer_everybody(places: dict[str, Place]) -> None:
    for name, place in places.items():
        assert place.probes[0] == ({"/health"} if name == "compose" else {"/health", "/ready/pages"}), name
        assert place.probes[1] == {"/"}, name
    assert [resolve(path).url_name for path in ("/health", "/ready/pages")] == ["alive", "pages_ready"]


def test_all_wait_longer_for_the_end_than_the_program_needs(places: dict[str, Place]) -> None:
    for name, place in places.items():
        assert place.grace_s >= GRACE_S + 5, name


def test_all_variables_are_such_as_the_program_reads(places: dict[str, Place]) -> None:
    for name, place in places.items():
        assert {variable.removesuffix("_FILE") for variable in place.variables} <= variables_read(), name
    assert {name for name in image.environment() if name.startswith("HEARTH_")} <= variables_read()


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guides_name_variables_that_the_program_reads(guide: str) -> None:
    named = set(re.findall(r"\b(?:HEARTH|OLLAMA|OPENAI)_[A-Z_]*[A-Z]\b", GUIDES[guide]))

    assert named
    assert {name.removesuffix("_FILE") for name in named} <= variables_read() | COMPOSES_OWN


def test_the_guide_publishes_the_port_of_the_image() -> None:
    ports = re.findall(r"docker run .*-p \d+:(\d+)", GUIDES["containers"])

    assert ports
    assert set(ports) == {image.environment()["HEARTH_PORT"]}
