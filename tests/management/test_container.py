"""The program as a container runs it: what `docker run` and the probes of Kubernetes rely on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from tests.config import image
from tests.database import put_data
from tests.doubles.slow_line import SlowLine
from tests.doubles.upstream import FakeModel, Upstream
from tests.doubles.vector_servers import free_port
from tests.management.containers import container
from tests.scale.servers import new_database, running_postgresql
from tests.scale.sites import PASSWORD, Person, WebProcess, wait_until

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 30.0
PATIENCE_S = 180.0
"""Other tests may keep the machine busy."""
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
GRACE_S = float(COMPOSE["services"]["web"]["stop_grace_period"].removesuffix("s"))


@pytest.fixture(scope="module")
def models() -> Iterator[Upstream]:
    """An Ollama that the container is told of."""
    with Upstream(models=[FakeModel(name="tiny:latest")]) as upstream:
        yield upstream


@contextmanager
def site(volume: Path, name: str, **environment: str) -> Iterator[WebProcess]:
    """A container of the site, on ports of its own, as others may be in use here."""
    port = free_port()
    log = volume.parent / f"{name}.log"
    ports = {"HEARTH_PORT": str(port), "OLLAMA_HOST": f"127.0.0.1:{free_port()}"}
    with container(volume, log, **ports, **environment) as process:
        yield WebProcess(url=f"http://127.0.0.1:{port}", log=log, process=process)


def wait_until_healthy(web: WebProcess) -> None:
    wait_until(lambda: web.process.poll() is not None or is_listening(port_of(web)), timeout_s=PATIENCE_S)
    assert httpx.get(f"{web.url}/health", timeout=PATIENCE_S).status_code == 200, web.log.read_text()


def port_of(web: WebProcess) -> int:
    return int(web.url.rpartition(":")[2])


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def cpu_s(web: WebProcess) -> float:
    """Return what a container has computed so far, which other work on the machine does not lengthen."""
    supervisor = psutil.Process(web.process.pid)
    return sum(sum(process.cpu_times()[:4]) for process in [supervisor, *supervisor.children(recursive=True)])


def stop(web: WebProcess) -> float:
    """End it as `docker stop` does, and return the seconds that it took."""
    began = time.monotonic()
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(GRACE_S) == 0, web.log.read_text()
    return time.monotonic() - began


def test_nothing_but_the_volume_and_a_place_for_drafts_can_be_written(tmp_path: Path) -> None:
    """That the other tests here show what they say."""
    program = (
        "import os, pathlib; print(os.getuid());"
        "pathlib.Path(os.environ['HEARTH_DATA'], 'kept').touch(); pathlib.Path(os.environ['TMPDIR'], 'draft').touch();"
        "pathlib.Path('/tmp/elsewhere').touch()"
    )
    with container(tmp_path / "data", tmp_path / "log", command=[sys.executable, "-c", program]) as process:
        assert process.wait(30) == 1

    said = (tmp_path / "log").read_text()
    assert said.startswith(f"{image.uid()}\n")
    assert "Read-only file system: '/tmp/elsewhere'" in said
    assert (tmp_path / "data" / "kept").exists()


async def test_what_people_said_is_kept_when_the_container_is_removed_and_run_again(
    tmp_path: Path, models: Upstream
) -> None:
    volume, alice = tmp_path / "data", Person("alice@example.org")
    with site(volume, "first", OLLAMA_BASE_URLS=models.url) as first:
        wait_until_healthy(first)
        assert cpu_s(first) < START_WITHIN_S
        assert alice.sign_up(first) == 302
        async with alice.page(first) as page:
            await page.send("How does a hearth keep warm? @fake tokens=3")
            ended = await page.until("generation.ended")
        assert stop(first) < GRACE_S

    with site(volume, "second", OLLAMA_BASE_URLS=models.url) as second:
        wait_until_healthy(second)
        # Sessions are kept as well, with the key that signs them.
        page_of_chat = alice.get(second, f"/chats/{ended['chat']}/")
        stop(second)

    assert page_of_chat.status_code == 200
    assert "How does a hearth keep warm?" in page_of_chat.text
    assert "The model answers" in page_of_chat.text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    volume = tmp_path_factory.mktemp("container") / "data"
    put_data(volume)
    with site(volume, "log") as web:
        wait_until_healthy(web)
        yield web


def own_addresses() -> list[str]:
    """Of this machine, as the kubelet finds them on a pod, and its name."""
    found = {
        address.address.partition("%")[0] for of_one in psutil.net_if_addrs().values() for address in of_one
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }  # fmt: skip
    return [f"[{address}]" if ":" in address else address for address in sorted(found)] + [socket.gethostname()]


def probe(web: WebProcess, path: str, host: str) -> int:
    headers = {"Host": host, "User-Agent": "kube-probe/1.35"}
    return httpx.get(f"{web.url}{path}", headers=headers, timeout=PATIENCE_S).status_code


@pytest.mark.parametrize("path", ["/health", "/ready/pages"])
def test_a_probe_that_names_the_address_of_the_pod_is_answered(running: WebProcess, path: str) -> None:
    port = port_of(running)

    refused = [host for host in own_addresses() if probe(running, path, f"{host}:{port}") != 200]

    assert refused == []


def test_whoever_names_another_host_is_refused_all_the_same(running: WebProcess) -> None:
    assert probe(running, "/health", "attacker.example.org") == 400


def test_the_health_check_of_the_image_sees_whether_the_site_answers(running: WebProcess) -> None:
    _, *arguments = image.health_check()
    port = port_of(running)
    # A proxy that the container is told of is not asked.
    environment = {"PATH": os.environ["PATH"], "HEARTH_PORT": str(port), "http_proxy": "http://127.0.0.1:1"}

    def exit_code(**changed: str) -> int:
        return subprocess.run([sys.executable, *arguments], env=environment | changed, capture_output=True).returncode  # noqa: S603  (our own command)

    assert exit_code() == 0
    assert exit_code(HEARTH_PORT=str(free_port())) == 1


def test_the_model_server_answers_the_probes_of_its_own(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "manage.py", "serve"]
    address = {"OLLAMA_HOST": f"0.0.0.0:{port}", "HEARTH_API_KEY": "a-key-that-is-long-enough"}
    with container(tmp_path / "data", tmp_path / "log", command=command, **address) as process:
        web = WebProcess(url=f"http://127.0.0.1:{port}", log=tmp_path / "log", process=process)
        wait_until(lambda: is_listening(port), timeout_s=PATIENCE_S)

        # The probe brings no key; everybody else needs one.
        assert {probe(web, "/", f"{host}:{port}") for host in own_addresses()} == {200}
        assert probe(web, "/api/tags", f"127.0.0.1:{port}") == 401
        stop(web)


def test_without_its_database_the_site_waits_lives_on_and_is_ready_again(tmp_path: Path, models: Upstream) -> None:
    with running_postgresql() as server:
        url = new_database(server, "outage")
        database_port = int(re.findall(r":(\d+)/", url)[0])
        with SlowLine(database_port) as line:
            line.cut()
            through_line = {"DATABASE_URL": url.replace(str(database_port), str(line.port))}
            with site(tmp_path / "data", "outage", HEARTH_INFERENCE_URL=models.url, **through_line) as web:
                # It was started first, and its container does not end for that.
                wait_until(lambda: "Waiting for the database" in web.log.read_text(), timeout_s=PATIENCE_S)
                line.mend()
                wait_until_healthy(web)
                wait_until(lambda: readiness(web)[0] == 200)

                line.cut()
                assert readiness(web) == (503, {"database": "failed"})
                assert probe(web, "/health", "localhost") == 200

                line.mend()
                assert readiness(web) == (200, {"database": "ok"})
                assert PASSWORD not in web.log.read_text()
                stop(web)


def readiness(web: WebProcess) -> tuple[int, dict[str, str]]:
    answer = httpx.get(f"{web.url}/ready/pages", timeout=PATIENCE_S)
    parts = json.loads(answer.text)
    return answer.status_code, {name: part["state"] for name, part in parts.items() if name != "status"}
