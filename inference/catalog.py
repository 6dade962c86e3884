"""Which models there are, under which ids, and which connection offers each.

What connections answered is kept for a few seconds by this process. A model that was seen before is found
without asking anybody, so that a dead connection delays nothing but the list itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from operator import is_not
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection

from inference.conf import (
    CONNECTIONS_TTL_S,
    FIRST_PATIENCE_S,
    KNOWN_PATIENCE_S,
    LIST_TIMEOUT_S,
    MODELS_TTL_S,
    ConnectionSpec,
)
from inference.connections.kinds import Backend, backend_for
from inference.errors import InferenceError, KeyUnreadable, ModelNotFound, UpstreamTimeout
from inference.queries import enabled_connections
from inference.types import ConnectionProblem, ModelInfo, ModelList


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one connection answered, and when (monotonic seconds).

    Attributes:
        models: With their plain names as ids. After a failure: what was known before.
    """

    spec: ConnectionSpec
    models: tuple[ModelInfo, ...] = ()
    error: InferenceError | None = None
    asked_at: float = float("-inf")

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.asked_at < MODELS_TTL_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model with its catalog id, and the connection that offers it."""

    spec: ConnectionSpec
    model: ModelInfo


@dataclass(slots=True)
class _Known:
    """What this process knows; thrown away by `forget`."""

    specs: tuple[ConnectionSpec, ...] = ()
    specs_read_at: float = float("-inf")
    listings: dict[ConnectionSpec, Listing] = field(default_factory=dict)
    offers: tuple[Offer, ...] = ()
    offers_of: tuple[Listing, ...] = ()
    """The very listings that `offers` were made of. Every question looks for its model, several times."""


_known = _Known()
# Requests that come while a connection is being asked wait for that answer. Tasks belong to one event loop.
_asking: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ConnectionSpec, asyncio.Task[Listing]]] = WeakKeyDictionary()


def forget() -> None:
    """Drop everything known, because connections or models have changed."""
    global _known
    _known = _Known()


async def list_models() -> ModelList:
    """Ask all connections at once, each for at most its own time-out."""
    return _as_model_list(await asyncio.gather(*(_listing(spec) for spec in await _specs())))


async def models_at_hand() -> ModelList:
    """As `list_models`, for pages: what was known before of a connection that takes its time."""
    return _as_model_list(await asyncio.gather(*(_listing_at_hand(spec) for spec in await _specs())))


def _as_model_list(listings: Sequence[Listing]) -> ModelList:
    problems = tuple(
        ConnectionProblem(connection=listing.spec.name, connection_kind=listing.spec.kind, error=listing.error)
        for listing in listings
        if listing.error
    )
    return ModelList(models=tuple(offer.model for offer in _reachable(listings)), problems=problems)


async def list_offers() -> list[Offer]:
    """Return what `list_models` lists, each model with the connection that offers it."""
    return _reachable(await asyncio.gather(*(_listing(spec) for spec in await _specs())))


async def list_connection(prefix: str) -> tuple[ModelInfo, ...]:
    """Return what one enabled connection offers, or raise why it did not answer."""
    for spec in await _specs():
        if spec.prefix == prefix:
            listing = await _listing(spec)
            if listing.error:
                raise listing.error
            return listing.models
    return ()


def _reachable(listings: Sequence[Listing]) -> list[Offer]:
    """Return the models that can be used now; those of a dead connection only keep their ids taken."""
    reachable = {listing.spec for listing in listings if not listing.error}
    return [offer for offer in assign_ids(listings) if offer.spec in reachable]


async def find_offer(model_id: str) -> Offer:
    """Return the connection that offers a model, from what is known if possible.

    Raises ModelNotFound, or why the connection that should have it did not answer.
    """
    specs = await _specs()
    # A later connection cannot change the ids of an earlier one, so those that come after need not be known.
    known = takewhile(lambda listing: listing is not None, map(_known.listings.get, specs))
    if offer := _pick(_known_offers(tuple(filter(None, known))), model_id):
        return offer

    asked = [_ask_again(spec) for spec in specs]
    listings = []
    for answer in asked:
        listings.append(await answer)
        if offer := _pick(assign_ids(listings), model_id):
            return offer
    for listing in listings:
        if listing.error and (listing.spec.kind == "builtin" or model_id.startswith(f"{listing.spec.prefix}/")):
            raise listing.error
    raise ModelNotFound(model_id)


def assign_ids(listings: Iterable[Listing]) -> list[Offer]:
    """Give each model an id that no other has.

    The first connection to offer a name keeps it plain; later ones put their prefix before it. The order of
    connections and their prefixes do not change, so neither do the ids when a connection comes later or goes.
    """
    offers: dict[str, Offer] = {}
    for listing in listings:
        for model in listing.models:
            model_id = f"{listing.spec.prefix}/{model.name}" if model.name in offers else model.name
            offers.setdefault(model_id, Offer(spec=listing.spec, model=_named(model, model_id, listing.spec)))
    return list(offers.values())


def _named(model: ModelInfo, model_id: str, spec: ConnectionSpec) -> ModelInfo:
    return replace(model, id=model_id, prefix=spec.prefix)


def _known_offers(listings: tuple[Listing, ...]) -> Sequence[Offer]:
    known = _known
    if len(listings) != len(known.offers_of) or any(map(is_not, listings, known.offers_of)):
        known.offers, known.offers_of = tuple(assign_ids(listings)), listings
    return known.offers


def _pick(offers: Sequence[Offer], model_id: str) -> Offer | None:
    """Find a model by its id, by its name without the tag `latest`, or by the prefixed form that it does not need."""
    wanted = (model_id, f"{model_id}:latest")
    return next((offer for offer in offers if offer.model.id in wanted), None) or next(
        (offer for offer in offers if f"{offer.spec.prefix}/{offer.model.name}" in wanted), None
    )


async def _specs() -> tuple[ConnectionSpec, ...]:
    known = _known
    if time.monotonic() - known.specs_read_at > CONNECTIONS_TTL_S:
        known.specs = await sync_to_async(_read_specs)()
        known.specs_read_at = time.monotonic()
    return known.specs


def _read_specs() -> tuple[ConnectionSpec, ...]:
    try:
        return enabled_connections()
    finally:
        # A synchronous view that asks for models does so in this very thread, perhaps inside a transaction.
        if not connection.in_atomic_block:
            close_old_connections()


async def _listing(spec: ConnectionSpec) -> Listing:
    """Return what a connection offers, asking it unless it has answered a moment ago."""
    listing = _known.listings.get(spec)
    if listing and listing.is_fresh:
        return listing
    return await _ask_again(spec)


async def _listing_at_hand(spec: ConnectionSpec) -> Listing:
    """Return what a connection offers, or what it did the last time. It is asked to the end all the same."""
    known = _known.listings.get(spec)
    # One that failed is asked again at once: it may have been starting.
    if known and known.is_fresh and not known.error:
        return known
    try:
        async with asyncio.timeout(KNOWN_PATIENCE_S if known else FIRST_PATIENCE_S):
            return await _ask_again(spec)
    except TimeoutError:
        return known or Listing(spec=spec, error=UpstreamTimeout(spec.url))


def _ask_again(spec: ConnectionSpec) -> asyncio.Future[Listing]:
    """Ask a connection, or join those who wait for its answer already."""
    asking = _asking.setdefault(asyncio.get_running_loop(), {})
    if spec not in asking:
        asking[spec] = asyncio.create_task(_ask(spec), name=f"list models of {spec.name}")
        asking[spec].add_done_callback(lambda _: asking.pop(spec, None))
    # Whoever gives up waiting must not take the answer away from the others.
    return asyncio.shield(asking[spec])


async def _ask(spec: ConnectionSpec) -> Listing:
    known = _known
    before = known.listings.get(spec, Listing(spec=spec))
    try:
        async with asyncio.timeout(LIST_TIMEOUT_S):
            if not spec.is_key_readable:
                raise KeyUnreadable(spec.name)
            backend: Backend = await backend_for(spec)
            listing = replace(before, models=tuple(await backend.list_models()), error=None)
    except TimeoutError:
        listing = replace(before, error=UpstreamTimeout(spec.url))
    except InferenceError as exc:
        listing = replace(before, error=exc)
    known.listings[spec] = replace(listing, asked_at=time.monotonic())
    return known.listings[spec]
