"""Is it there, which version, and the routes of Ollama that this server does not have."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from inference.server.endpoints import endpoint, error_response, json_response
from inference.server.errors import RouteNotImplemented

OLLAMA_VERSION = "0.12.0"
"""The version of Ollama's API that this server follows; clients compare it."""


def _hearth_version() -> str:
    try:
        return version("hearth")
    except PackageNotFoundError:  # Run from a checkout that was not installed.
        return "unknown"


@endpoint("GET", "HEAD")
async def home(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse("Ollama is running", content_type="text/plain; charset=utf-8")


@endpoint("GET", "HEAD")
async def api_version(request: HttpRequest) -> HttpResponseBase:
    return json_response({"version": OLLAMA_VERSION, "hearth": _hearth_version()})


@endpoint("GET", "HEAD", "POST", "PUT", "DELETE")
async def not_implemented(request: HttpRequest, **captured: str) -> HttpResponseBase:
    raise RouteNotImplemented(f"{request.path} is not implemented by this server")


@endpoint("POST")
async def push(request: HttpRequest) -> HttpResponseBase:
    raise RouteNotImplemented("push is not implemented by this server: it sends no model anywhere")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return error_response(request, 404, "no such route", "no_such_route")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return error_response(request, 400, "bad request", "invalid_request")


def failed(request: HttpRequest) -> HttpResponseBase:
    return error_response(request, 500, "internal error", "internal_error")
