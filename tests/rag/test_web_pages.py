"""Pages of the web: fetched from a real server, and from nowhere else than the world."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpcore
import pytest
from pytest_django.fixtures import Settings

from rag import fetching
from rag.errors import PageNotFetched, UploadUnsupported
from rag.fetching import PublicNetwork, checked_url, fetch
from rag.models import Document
from rag.services import web_pages
from rag.services.pages import document_text
from rag.services.web_pages import fetch_page
from rag.types import HTML, PDF, FetchProblem, Problem
from tests.doubles.embedder import FakeEmbedder
from tests.doubles.pdf_files import text_pdf
from tests.doubles.web_server import WebServer, web_server
from tests.rag.fixtures import ingest_all
from webui.accounts.models import User

HERE = ("127.0.0.1",)

ARTICLE = """<!doctype html><html><head><title>Skerry &amp; Light</title></head><body>
<header><nav><a href="/1987">News of 1987</a></nav></header><div class="cookie">We use cookies. Accept all?</div>
<main><article><h1>Skerry Light</h1>
<p>The lighthouse was built in 1902 by the harbour company and rises thirty-eight metres above the sea.</p>
<h2>Prices</h2><p>Tickets are sold at the door on every day of the summer, and cost twelve euros each.</p>
<img src="/pixel.png"><script src="/script.js"></script><a href="/other">another page</a>
<p>数据库每天凌晨两点备份，备份文件保存三十天。</p></article></main>
<aside>Related: storms of 1987</aside><footer>Copyright 1987</footer></body></html>"""


@pytest.fixture
def web(settings: Settings) -> Iterator[WebServer]:
    settings.HEARTH_WEB_PAGE_HOSTS = HERE
    with web_server() as server:
        yield server


def fetched(address: str, max_bytes: int = 1_000_000) -> fetching.FetchedPage:
    return asyncio.run(fetch(address, max_bytes=max_bytes, nearby=HERE))


def problem_of(address: str, **limits: int) -> FetchProblem:
    with pytest.raises(PageNotFetched) as caught:
        fetched(address, **limits)
    return caught.value.problem


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/", "http://localhost/", "http://LOCALHOST./", "http://x.localhost/", "http://[::1]/",
        "http://0.0.0.0/", "http://[::]/", "http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[fd00::1]/", "http://[fec0::1]/",
        "http://[::ffff:7f00:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:a9fe:a9fe]/", "http://[::7f00:1]/",
        "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/", "http://[2002:7f00:1::]/", "http://100.64.0.1/",
        "http://224.0.0.1/", "http://router/", "http://nas.local/", "http://metadata.google.internal/",
        "http://printer.lan/", "http://box.home.arpa/",
    ],
)  # fmt: skip
def test_machines_nearby_are_not_asked(address: str) -> None:
    with pytest.raises(PageNotFetched) as caught:
        checked_url(address)

    assert caught.value.problem == FetchProblem.PRIVATE


@pytest.mark.parametrize(
    "address",
    [
        "", "example.org", "file:///etc/passwd", "gopher://example.org/", "ftp://example.org/", "javascript:alert(1)",
        "unix:///run/x", "http://", "http:///path", "http://user@example.org/", "http://a:b@example.org/",
        "http://example.org\\@127.0.0.1/", "http://exa\tmple.org/", "http://example.org/\r\nX: y", "http://e.org:22/",
        "http://example.org:99999/", "http://[::1", "http://example.org/ x", "https://" + "a" * 2000 + ".org",
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(address: str) -> None:
    with pytest.raises(PageNotFetched) as caught:
        checked_url(address)

    assert caught.value.problem == FetchProblem.ADDRESS


@pytest.mark.parametrize(
    "name", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0x7f.1", "127。0。0。1", "①②⑦.0.0.1"]
)
def test_other_ways_to_write_an_address_reach_nothing_here(name: str) -> None:
    with web_server() as server:
        with pytest.raises(PageNotFetched) as caught:
            asyncio.run(fetch(f"http://{name}:{server.port}/", max_bytes=1000))

        assert caught.value.problem in (FetchProblem.PRIVATE, FetchProblem.ADDRESS, FetchProblem.UNREACHABLE)
        assert not server.asked


class Recorder(httpcore.AsyncNetworkBackend):
    """Notes what is connected to, and connects to nothing."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def connect_tcp(self, host: str, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        self.addresses.append(host)
        raise httpcore.ConnectError


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Make names resolve to these addresses, another answer each time."""
    left = list(answers)

    def lookup(host: str, port: int, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    network, recorder = PublicNetwork(()), Recorder()
    network._network = recorder  # type: ignore[assignment]

    with pytest.raises(httpcore.ConnectError):
        asyncio.run(network.connect_tcp("rebinding.example.org", 80))
    with pytest.raises(PageNotFetched) as caught:
        asyncio.run(network.connect_tcp("rebinding.example.org", 80))

    assert recorder.addresses == ["93.184.216.34"]
    assert caught.value.problem == FetchProblem.PRIVATE


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1"])
def test_one_private_address_among_others_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    answering(monkeypatch, ["93.184.216.34", address])

    assert problem_of("http://example.org/") == FetchProblem.PRIVATE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_the_house_is_not_followed(web: WebServer, status: int) -> None:
    assert problem_of(web.answer("/out", status, Location="http://169.254.169.254/latest")) == FetchProblem.PRIVATE
    assert problem_of(web.answer("/to", status, Location="http://localhost:8000/")) == FetchProblem.PRIVATE
    assert problem_of(web.answer("/file", status, Location="file:///etc/passwd")) == FetchProblem.ADDRESS


def test_a_redirect_is_followed_and_one_without_end_is_not(web: WebServer) -> None:
    web.page("/there", ARTICLE)
    web.answer("/loop", 302, Location="/loop")

    assert fetched(web.answer("/here", 302, Location="/there")).url == web.url("/there")
    assert problem_of(web.url("/loop")) == FetchProblem.REDIRECTS
    assert len([path for path, _ in web.asked if path == "/loop"]) == fetching.MAX_REDIRECTS + 1


def test_no_cookie_and_no_name_of_anybody_is_sent(web: WebServer) -> None:
    web.page("/there", ARTICLE)

    fetched(web.answer("/here", 302, Location="/there"))

    for _, headers in web.asked:
        assert not {"Cookie", "Authorization", "Referer"} & set(headers)


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (401, FetchProblem.LOGIN), (403, FetchProblem.LOGIN), (404, FetchProblem.GONE), (410, FetchProblem.GONE),
        (500, FetchProblem.STATUS), (204, FetchProblem.STATUS),
    ],
)  # fmt: skip
def test_the_answer_of_a_server_is_told(web: WebServer, status: int, problem: FetchProblem) -> None:
    assert problem_of(web.answer("/page", status)) == problem


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 10_000


def test_a_page_without_end_is_cut_off(web: WebServer) -> None:
    assert problem_of(web.stream("/endless", endless), max_bytes=100_000) == FetchProblem.TOO_LARGE
    assert problem_of(web.page("/large", b"x" * 2000), max_bytes=1000) == FetchProblem.TOO_LARGE


def test_a_packed_bomb_is_counted_as_it_unpacks(web: WebServer) -> None:
    bomb = gzip.compress(b"x" * 30_000_000)
    address = web.stream("/bomb", lambda: iter([bomb]), Content_Encoding="gzip")

    assert problem_of(address, max_bytes=100_000) == FetchProblem.TOO_LARGE


def test_a_server_that_goes_silent_is_given_up(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TOTAL_S", 0.3)

    nothing = threading.Event()

    def dripping() -> Iterator[bytes]:
        while True:
            nothing.wait(0.05)
            yield b"x"

    assert problem_of(web.stream("/slow", dripping)) == FetchProblem.TIMEOUT


def test_nobody_answers() -> None:
    with web_server() as server:
        address = server.url("/")

    assert problem_of(address) == FetchProblem.UNREACHABLE


def test_a_page_in_another_encoding_is_read(web: WebServer) -> None:
    body = "<title>备份</title><p>数据库的备份".encode("gb18030")

    page = fetched(web.page("/zh", body, "text/html; charset=gb2312"))

    assert page.title == "备份"
    assert "数据库的备份" in page.content.decode()


def test_a_page_becomes_a_document_with_its_main_text(
    web: WebServer, alice: User, shared_database: None, embedder: FakeEmbedder
) -> None:
    document = fetch_page(alice, web.page("/light", ARTICLE) + "#prices")
    ingest_all()
    document.refresh_from_db()

    assert (document.name, document.media_type, document.state) == ("Skerry & Light", HTML, Document.State.READY)
    assert document.source_url == web.url("/light")
    text = document_text(document)
    assert text.text == (
        "Skerry Light\nThe lighthouse was built in 1902 by the harbour company and rises thirty-eight metres above the"
        " sea.\nPrices\nTickets are sold at the door on every day of the summer, and cost twelve euros each."
        "\nanother page\n数据库每天凌晨两点备份，备份文件保存三十天。"
    )
    assert text.page_names == ("Skerry Light", "Skerry Light › Prices")
    assert [path for path, _ in web.asked] == ["/light"]


def test_a_page_of_many_short_pieces_is_read_whole(
    web: WebServer, alice: User, shared_database: None, embedder: FakeEmbedder
) -> None:
    rows = "".join(f"<div><span>Locker {n}</span> <span>rope</span></div>" for n in range(200))

    document = fetch_page(alice, web.page("/list", f"<title>Lockers</title><body><p>All lockers.</p>{rows}"))
    ingest_all()

    assert "Locker 199 rope" in document_text(document).text


def test_files_at_an_address_are_read_as_what_they_are(
    web: WebServer, alice: User, shared_database: None, embedder: FakeEmbedder
) -> None:
    pdf = fetch_page(alice, web.page("/files/plan.pdf", text_pdf(["The plan."]), "application/octet-stream"))
    note = fetch_page(alice, web.page("/note", "A note.", "text/plain"))
    ingest_all()
    pdf.refresh_from_db()

    assert (pdf.media_type, pdf.n_pages) == (PDF, 1)
    assert pdf.name.endswith("plan.pdf")
    assert document_text(note).text == "A note."


def test_programs_and_pictures_are_refused(web: WebServer, alice: User, shared_database: None) -> None:
    with pytest.raises(UploadUnsupported):
        fetch_page(alice, web.page("/a.png", b"\x89PNG\r\n\x1a\n\0\0", "image/png"))

    assert not Document.objects.exists()


@pytest.mark.parametrize(
    "page",
    [
        "<title>App</title><div id='root'></div><script>render()</script>",
        "<title>Sign in</title><main><h1>Sign in</h1><form><p>Your name and your password, please, before you go on"
        " to read.</p><input name=u><input type='password'></form></main>",
    ],
)
def test_a_page_without_text_of_its_own_says_so(
    web: WebServer, alice: User, shared_database: None, embedder: FakeEmbedder, page: str
) -> None:
    document = fetch_page(alice, web.page("/app", page))
    ingest_all()
    document.refresh_from_db()

    assert (document.state, document.error) == (Document.State.FAILED, Problem.EMPTY_PAGE)


def test_a_second_enter_does_not_fetch_again(web: WebServer, alice: User, shared_database: None) -> None:
    address = web.page("/light", ARTICLE)

    first, second = fetch_page(alice, address), fetch_page(alice, f"{address}#top")

    assert first == second
    assert len(web.asked) == 1


def test_a_page_asked_for_again_is_new_only_when_it_has_changed(
    web: WebServer, alice: User, shared_database: None
) -> None:
    address = web.page("/light", ARTICLE)
    first = fetch_page(alice, address)
    Document.objects.update(fetched_at=first.fetched_at - timedelta(days=1))  # type: ignore[operator]

    same = fetch_page(alice, address, again=True)
    web.page("/light", ARTICLE.replace("1902", "1903"))
    changed = fetch_page(alice, address, again=True)

    assert same == first
    assert same.fetched_at and first.fetched_at and same.fetched_at >= first.fetched_at
    assert changed != first


def test_only_a_few_pages_are_fetched_at_once(
    web: WebServer, alice: User, shared_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(web_pages.MAX_AT_ONCE):
        web_pages._running.acquire()
    try:
        with pytest.raises(PageNotFetched) as caught:
            fetch_page(alice, web.page("/light", ARTICLE))
    finally:
        web_pages._running.release(web_pages.MAX_AT_ONCE)

    assert caught.value.problem == FetchProblem.BUSY
