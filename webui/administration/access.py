"""Which rows of administration somebody may change."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest

from inference.models import Connection
from inference.queries import connection_by_uuid
from webui.accounts.http import is_administrator
from webui.administration.downloads import DOWNLOADS, Download
from webui.imagery import queries as imagery
from webui.imagery.models import ImageConnection


def connection_write(request: HttpRequest, connection_uuid: uuid.UUID) -> Connection:
    """Return a connection for an administrator. Raises Http404 for everybody else."""
    connection = connection_by_uuid(connection_uuid) if is_administrator(request) else None
    if connection is None:
        raise Http404
    return connection


def download_write(request: HttpRequest, download_uuid: uuid.UUID) -> Download:
    """Return a download for an administrator. Raises Http404 for everybody else."""
    download = DOWNLOADS.find(download_uuid) if is_administrator(request) else None
    if download is None:
        raise Http404
    return download


def picture_connection_write(request: HttpRequest, connection_uuid: uuid.UUID) -> ImageConnection:
    """Return a connection for pictures for an administrator. Raises Http404 for everybody else."""
    connection = imagery.connection_by_uuid(connection_uuid) if is_administrator(request) else None
    if connection is None:
        raise Http404
    return connection
