from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from webui.config import urls

SECRET = "a secret of the code"  # noqa: S105


def raising(error: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    view.login_required = False  # type: ignore[attr-defined]
    return view


urlpatterns = [
    *urls.urlpatterns,
    path("fails/400/", raising(SuspiciousOperation(SECRET))),
    path("fails/403/", raising(PermissionDenied(SECRET))),
    path("fails/413/", raising(RequestDataTooBig(SECRET))),
    path("fails/500/", raising(RuntimeError(SECRET))),
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500

pytestmark = pytest.mark.urls(__name__)
FAILURES = {400: "could not be understood", 403: "not allowed", 404: "nothing here", 413: "too large", 500: "broke"}


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(("status", "words"), FAILURES.items())
def test_a_failure_is_a_page_in_words_without_the_code_behind_it(client: Client, status: int, words: str) -> None:
    response = client.get(f"/fails/{status}/")

    page = response.content.decode()
    assert response.status_code == status
    assert words in page
    assert SECRET not in page
    assert "Traceback" not in page
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("status", FAILURES)
def test_a_script_is_told_in_json(client: Client, status: int) -> None:
    response = client.get(f"/fails/{status}/", headers={"accept": "application/json"})

    assert response.status_code == status
    assert response.json().keys() == {"error", "code"}
    assert SECRET not in response.content.decode()
