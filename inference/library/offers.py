"""What a source offers under a name: the manifest, and where each of its blobs comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from inference.library.names import ModelName
    from inference.library.remote import RemoteFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Attributes:
    name: Under which the model is kept.
    manifest: Its manifest's own bytes, not yet checked.
    remotes: Where to fetch a blob, by digest.
    texts: The blobs that are here already, by digest.
    """

    name: ModelName
    manifest: bytes
    remotes: Mapping[str, RemoteFile]
    texts: Mapping[str, bytes] = field(default_factory=dict)


class Source(Protocol):
    """A place that models come from, during one pull."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def offer(self) -> Offer: ...
