"""`/metrics`, for Prometheus."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import CONTENT_TYPE_LATEST

from inference.server.endpoints import endpoint
from inference.server.state import get_state


@endpoint("GET", "HEAD")
async def metrics(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse(get_state().metrics.text(), content_type=CONTENT_TYPE_LATEST)
