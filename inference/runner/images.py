"""The images of prompts: what stands for them among the tokens, and who looks at them.

In a slot's tokens every row of an image has an id of its own, below -1, that no other image has. So two prompts share
a cached prefix exactly when they show the same images at the same places.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from inference.runner.image_files import check_packed_size
from inference.runner.native_vision import ImagePart, Rows
from inference.runner.slots import Span, Tokens
from inference.runner.worker import Ticket

KEPT_BYTES = 256 * 1024 * 1024
"""For images that were seen lately, so that the next turn need not look at them again."""

KNOWN_IMAGES = 4096
FIRST_ID = -2
N_IDS = 2**31 - 2


class Encoder(Protocol):
    """A projector: `encode` may be called by a thread of its own."""

    def cut_up(self, data: bytes) -> list[list[int] | ImagePart]: ...
    def encode(self, part: ImagePart) -> Rows: ...


@dataclass(slots=True, eq=False)
class Sight:
    """A part of an image and, once it was looked at, its rows.

    Attributes:
        problem: Why it cannot be looked at; empty while there is none.
    """

    part: ImagePart
    rows: Rows | None = None
    problem: str = ""
    is_queued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image made ready for the model.

    Attributes:
        tokens: What stands for it in a prompt: tokens of the model, and ids of rows.
        sights: By the id of their first row.
        size_bytes: Memory that it takes, at most.
    """

    tokens: Sequence[int]
    sights: Mapping[int, Sight]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedImage(Span):
    """A part of an image at its place in a prompt."""

    sight: Sight


def placed_images(tokens: Tokens, pictures: Sequence[Picture]) -> list[PlacedImage]:
    """Return the images that stand in a prompt, in their order. The same one may stand there twice."""
    sights = {first: sight for picture in pictures for first, sight in picture.sights.items()}
    placed, index = [], 0
    while index < len(tokens):
        sight = sights.get(int(tokens[index]))
        if sight is None:
            index += 1
            continue
        part = sight.part
        placed.append(PlacedImage(start=index, n_rows=part.n_rows, n_positions=part.n_positions, sight=sight))
        index += part.n_rows
    return placed


class PictureStore:
    """The images that were seen lately, by their content. Used by one thread."""

    def __init__(self, encoder: Encoder, *, n_dims: int, kept_bytes: int = KEPT_BYTES) -> None:
        self._encoder = encoder
        self._n_dims = n_dims
        self._kept_bytes = kept_bytes
        self._pictures: OrderedDict[bytes, Picture] = OrderedDict()
        self._n_bytes = 0
        self._ids = _RowIds()

    def picture(self, data: bytes) -> Picture:
        """Return an image made ready. Raises InvalidRequest when the file is damaged."""
        digest = hashlib.sha256(data).digest()
        known = self._pictures.get(digest)
        if known is not None:
            self._pictures.move_to_end(digest)
            return known
        check_packed_size(data)
        picture = self._made_ready(digest, self._encoder.cut_up(data))
        self._pictures[digest] = picture
        self._n_bytes += picture.size_bytes
        while self._n_bytes > self._kept_bytes and len(self._pictures) > 1:
            self._n_bytes -= self._pictures.popitem(last=False)[1].size_bytes
        return picture

    def _made_ready(self, digest: bytes, parts: Sequence[list[int] | ImagePart]) -> Picture:
        n_rows = sum(part.n_rows for part in parts if isinstance(part, ImagePart))
        ids = self._ids.of(digest, n_rows)
        tokens: list[int] = []
        sights: dict[int, Sight] = {}
        size_bytes = n_rows * self._n_dims * 4
        for part in parts:
            if isinstance(part, ImagePart):
                rows = [next(ids) for _ in range(part.n_rows)]
                sights[rows[0]] = Sight(part)
                tokens += rows
                size_bytes += part.size_bytes
            else:
                tokens += part
        return Picture(tokens=tokens, sights=sights, size_bytes=size_bytes)


class _RowIds:
    """Gives each image numbers that no other image has, and the same ones again while it is known."""

    def __init__(self) -> None:
        self._first: OrderedDict[bytes, int] = OrderedDict()
        self._n_used = 0

    def of(self, digest: bytes, n_rows: int) -> Iterator[int]:
        first = self._first.pop(digest, None)
        if first is None:
            # After two thousand million rows they come round, when no slot can hold the first ones any more.
            first = self._n_used if self._n_used + n_rows <= N_IDS else 0
            self._n_used = first + n_rows
        self._first[digest] = first
        if len(self._first) > KNOWN_IMAGES:
            self._first.popitem(last=False)
        return iter(range(FIRST_ID - first, FIRST_ID - first - n_rows, -1))


@dataclass(slots=True)
class Looker:
    """Looks at images on a thread of its own, so that running answers go on meanwhile. Its owner asks `is_ready`."""

    encode: Callable[[ImagePart], Rows]
    _queue: queue.SimpleQueue[tuple[Sight, Ticket]] = field(default_factory=queue.SimpleQueue)
    _changed: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._run, name="look at images", daemon=True).start()

    def is_ready(self, sight: Sight, ticket: Ticket) -> bool:
        """Return whether an image was looked at, or cannot be; see to it that it soon will."""
        if sight.rows is not None or sight.problem:
            return True
        if not sight.is_queued:
            sight.is_queued = True
            self._queue.put((sight, ticket))
        return False

    def wait(self, timeout_s: float) -> None:
        """Wait until another image was looked at, or the time is over."""
        self._changed.wait(timeout_s)
        self._changed.clear()

    def _run(self) -> None:
        while True:
            sight, ticket = self._queue.get()
            if not ticket.is_cancelled:
                try:
                    sight.rows = self.encode(sight.part)
                except RuntimeError as exc:
                    sight.problem = str(exc)
            sight.is_queued = False
            self._changed.set()
