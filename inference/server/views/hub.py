"""Look around on Hugging Face before anything is downloaded: search, a repository's models, and which of them fit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference.errors import BadModelFile, InvalidRequest
from inference.library.errors import HubFailed, PullFailed, RegistryFailed
from inference.library.hub_names import HubModel, HubReference, choose, name_for, parse_repository
from inference.library.models import LibraryModel, capabilities_of, human_parameters
from inference.library.names import ModelName
from inference.server.endpoints import endpoint, json_response
from inference.server.errors import answer_for
from inference.server.fitting import Fit, fit_of
from inference.server.state import ServerState, get_state
from inference.server.views.library import fit_body

if TYPE_CHECKING:
    from inference.library.gguf import GgufHeader
    from inference.library.huggingface import Hub, Repository

MAX_QUERY = 200
N_FOUND = 30


@endpoint("GET")
async def search(request: HttpRequest) -> HttpResponseBase:
    words = request.GET.get("q", "").strip()
    if not words or len(words) > MAX_QUERY or not words.isprintable():
        raise InvalidRequest(f"q must hold 1 to {MAX_QUERY} characters to search for")
    with _naming_the_hub():
        async with _visit(get_state()) as hub:
            found = await hub.search(words, limit=N_FOUND)
    return json_response({"repositories": [asdict(repository) for repository in found]})


@endpoint("GET")
async def models(request: HttpRequest) -> HttpResponseBase:
    """List the models of one repository, each with the verdict; `best` is the largest one that fits."""
    state = get_state()
    reference = _reference(state, request.GET.get("repository", "").strip())
    free_bytes = state.scheduler.free_bytes_alone()
    with _naming_the_hub():
        async with _visit(state) as hub:
            repository = await hub.repository(reference)
            header, problem = await _header(hub, repository)
    body = await asyncio.to_thread(_body, state, reference, repository, header, free_bytes)
    return json_response(body | {"problem": problem})


def _visit(state: ServerState) -> Hub:
    # Here, because the HTTP client takes 8 MB and most servers never ask.
    from inference.library.huggingface import Hub

    return Hub(state.config.hub)


@contextmanager
def _naming_the_hub() -> Iterator[None]:
    """Say of a failure that it happened at the Hub: nothing is being pulled."""
    try:
        yield
    except RegistryFailed as exc:
        raise HubFailed(exc.host, exc.detail) from exc


def _reference(state: ServerState, text: str) -> HubReference:
    if not text:
        raise InvalidRequest("repository is required")
    reference = HubReference.parse(text, {state.config.hub.host})
    return reference or HubReference(repository=parse_repository(text))


async def _header(hub: Hub, repository: Repository) -> tuple[GgufHeader | None, str]:
    """Read the header of one of a repository's models: but for the weights' size the others need the same."""
    from inference.library.remote_gguf import read_remote_header

    if not repository.models:
        return None, "it holds no GGUF model"
    try:
        model = choose(repository.models, HubReference(repository=repository.name))
    except PullFailed:  # Several fit equally well.
        model = repository.models[0]
    try:
        return await read_remote_header(hub.file(repository, model.files[0]), model.files[0].name), ""
    except BadModelFile as exc:
        return None, f"{exc.model}: {exc.detail}"
    except PullFailed as exc:
        return None, answer_for(exc).text.removeprefix("pull model: ")


def _body(
    state: ServerState,
    reference: HubReference,
    repository: Repository,
    header: GgufHeader | None,
    free_bytes: int,
) -> dict[str, Any]:
    offered = repository.models
    fits: dict[str, Fit] = {}
    entries: list[dict[str, Any]] = []
    for model in offered:
        own = HubReference(repository=reference.repository, wanted=model.path)
        name = name_for(own, model, offered).short
        if header is not None:
            fits[name] = fit_of(_imagined(name, model, header), state.scheduler.sizing, free_bytes)
        entries.append(
            {
                "name": name,
                "quantization": model.quantization,
                "size_bytes": sum(file.size_bytes for file in model.all_files),
                "n_files": len(model.files),
                "has_projector": model.projector is not None,
                "fit": fit_body(fits[name]) if name in fits else None,
            }
        )
    fitting = [entry for entry in entries if entry["name"] in fits and fits[entry["name"]].fits]
    fitting = fitting or [entry for entry in entries if entry["name"] in fits and fits[entry["name"]].best]
    best = max(fitting, key=lambda entry: entry["size_bytes"], default=None)
    return {
        "repository": repository.name,
        "commit": repository.commit,
        "is_gated": repository.is_gated,
        "models": entries,
        "best": best["name"] if best is not None else "",
    }


def _imagined(name: str, model: HubModel, header: GgufHeader) -> LibraryModel:
    """Return a model of the Hub as it would be here, for the forecast."""
    return LibraryModel(
        name=ModelName.parse(name),
        path=Path(model.files[0].name),
        kind="llama",
        source="pulled",
        size_bytes=sum(file.size_bytes for file in model.all_files),
        digest=model.files[0].sha256 or "",
        modified_ns=0,
        header=header,
        capabilities=capabilities_of(header),
        family=header.architecture,
        parameter_size=human_parameters(header.parameter_count),
        quantization=model.quantization or header.quantization or "unknown",
        context_length=header.context_length,
    )
