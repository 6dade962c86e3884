"""Making models: `/api/create`, `/api/copy` and the blobs that they are made of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.errors import InvalidRequest, ModelNotFound
from inference.library.blobs import BlobWriter
from inference.library.chat_templates import is_jinja
from inference.library.creation import Recipe, copy, create, refuse_taken_name
from inference.library.errors import BadManifest, BlobNotFound, DigestMismatch, InvalidName
from inference.library.names import ModelName
from inference.runner.go_template.errors import GoTemplateError
from inference.runner.go_template.parser import parse as parse_template
from inference.server.blob_bodies import SCOPE_KEY
from inference.server.bodies import LARGE_BODY, SMALL_BODY, parse_text, read_json
from inference.server.create_bodies import CreateBody, parse_create
from inference.server.endpoints import empty_response, endpoint, json_response, stream_response
from inference.server.state import ServerState, get_state
from inference.server.steps import stepped

logger = logging.getLogger(__name__)

MAX_TEMPLATE_CHARACTERS = 256 * 1024


@endpoint("POST")
async def create_model(request: HttpRequest) -> HttpResponseBase:
    body = parse_create(read_json(request, LARGE_BODY))
    name = ModelName.parse(body.model)
    state = get_state()
    await asyncio.to_thread(refuse_taken_name, state.catalog, name)
    await asyncio.to_thread(_check_template, body.template)
    lines = _create_lines(state, name, body)
    if body.stream:
        return await stream_response(lines)
    async with aclosing(lines):
        last: dict[str, Any] = {}
        async for line in lines:
            last = line
    return json_response(last)


@endpoint("POST")
async def copy_model(request: HttpRequest) -> HttpResponseBase:
    body = read_json(request, SMALL_BODY)
    source, destination = parse_text(body, "source"), parse_text(body, "destination")
    state = get_state()
    for what, text in (("source", source), ("destination", destination)):
        try:
            ModelName.parse(text)
        except InvalidName as exc:
            raise InvalidRequest(f'{what} "{text[:200]}" is invalid') from exc
    model = await state.find_model(source)
    async with aclosing(stepped(copy(state.catalog, model, ModelName.parse(destination)))) as lines:
        async for _line in lines:
            pass
    return empty_response(200)


@endpoint("HEAD", "POST")
async def blob(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Tell whether a blob is here, or take it: its body is on the disk already, see `BlobBody`."""
    store = get_state().catalog.store
    try:
        is_here = await asyncio.to_thread(store.renew_blob, digest)
    except BadManifest as exc:
        raise InvalidRequest(exc.detail) from exc
    if is_here:
        return empty_response(200)
    writer: BlobWriter | None = cast(ASGIRequest, request).scope.get(SCOPE_KEY)
    if writer is None:
        raise BlobNotFound(digest)
    try:
        await asyncio.to_thread(writer.finish)
    except DigestMismatch as exc:
        raise InvalidRequest(f'digest mismatch, expected "{exc.expected}", got "{exc.received}"') from exc
    return empty_response(201)


def _check_template(template: str) -> None:
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise InvalidRequest(f"template error: it is longer than {MAX_TEMPLATE_CHARACTERS:,} characters")
    if is_jinja(template):  # Its mistakes show when it renders, in a process with limits.
        return
    try:
        parse_template(template)
    except GoTemplateError as exc:
        raise InvalidRequest(f"template error: {exc}") from exc


async def _create_lines(state: ServerState, name: ModelName, body: CreateBody) -> AsyncGenerator[dict[str, Any], None]:
    for warning in body.warnings:
        logger.warning("%s", warning)
    base = None
    if body.base:
        try:
            base = await state.find_model(body.base)
        except ModelNotFound:
            async with aclosing(state.puller.pull(body.base)) as pulled:
                async for pull_line in pulled:
                    if pull_line.get("status") != "success":
                        yield dict(pull_line)
            base = await state.find_model(body.base)
    recipe = Recipe(
        name=name,
        base=base,
        files=body.files,
        adapters=body.adapters,
        template=body.template,
        system=body.system,
        licenses=body.licenses,
        parameters=body.parameters,
        messages=body.messages,
        notes=body.notes,
        removed=body.removed,
    )
    async with aclosing(stepped(create(state.catalog, recipe, prunes=state.config.prunes))) as lines:
        async for line in lines:
            if line["status"] == "writing manifest":
                for warning in body.warnings:
                    yield {"status": f"warning: {warning}"}
            yield line
