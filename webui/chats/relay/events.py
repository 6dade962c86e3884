"""Socket events on their way out, without I/O: numbered, kept for a while, and thinned for slow sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, cast

import orjson

from webui.chats.relay.protocol import ServerEvent, TextAdded

# What a later state of the same answer makes superfluous.
_PASSING: Final = frozenset({"tail.changed", "text.added", "generation.progressed"})
_REPLACING: Final = frozenset({"tail.changed", "block.finished", "answer.reset", "generation.ended"})


class Frame:
    """One event and its JSON, encoded once for all sockets."""

    __slots__ = ("_json", "event")

    def __init__(self, event: ServerEvent) -> None:
        self.event = event
        self._json: str | None = None

    @property
    def json(self) -> str:
        if self._json is None:
            self._json = orjson.dumps(self.event).decode()
        return self._json

    @property
    def generation(self) -> str | None:
        return cast("str | None", self.event.get("generation"))

    @property
    def seq(self) -> int:
        return cast(int, self.event.get("seq", 0))


class EventLog:
    """The newest events of one generation, to be sent again to a page that missed them.

    Sequence numbers begin at 1; a page that has seen nothing has seen 0.
    """

    def __init__(self, max_events: int = 256) -> None:
        self._frames: deque[Frame] = deque(maxlen=max_events)
        self.last_seq = 0

    def next_seq(self) -> int:
        self.last_seq += 1
        return self.last_seq

    def add(self, frame: Frame) -> None:
        self._frames.append(frame)

    def since(self, seq: int) -> list[Frame] | None:
        """Return the events after `seq`; None when some are not kept any more or `seq` is none of ours."""
        if not 0 <= seq <= self.last_seq:
            return None
        if seq == self.last_seq:
            return []
        if not self._frames or self._frames[0].seq > seq + 1:
            return None
        return [frame for frame in self._frames if frame.seq > seq]


class OutboxFull(Exception):
    """A socket reads so slowly that even what may not be dropped has piled up."""


class Outbox:
    """What one socket has still to be sent, oldest first.

    The newest tail of an answer replaces the unsent one, and unsent pieces of text become one piece.
    Finished blocks are never dropped. So a slow page lags, but skips nothing that stays.
    """

    def __init__(self, max_frames: int = 512) -> None:
        self._frames: list[Frame] = []
        self._max_frames = max_frames

    def __len__(self) -> int:
        return len(self._frames)

    def push(self, frame: Frame) -> None:
        """Raises OutboxFull instead of growing beyond the limit."""
        if self._frames and frame.generation is not None:
            frame = self._merged(frame)
        if len(self._frames) >= self._max_frames:
            raise OutboxFull
        self._frames.append(frame)

    def take_all(self) -> list[Frame]:
        frames, self._frames = self._frames, []
        return frames

    def _merged(self, frame: Frame) -> Frame:
        kind = frame.event["type"]
        if kind in _REPLACING:
            self._drop(frame.generation, _PASSING)
        elif kind == "generation.progressed":
            self._drop(frame.generation, frozenset({kind}))
        elif kind == "text.added":
            last = self._frames[-1]
            if last.event["type"] == kind and last.generation == frame.generation:
                del self._frames[-1]
                return _joined(last, frame)
        return frame

    def _drop(self, generation: str | None, kinds: Iterable[str]) -> None:
        self._frames = [f for f in self._frames if f.generation != generation or f.event["type"] not in kinds]


def _joined(first: Frame, second: Frame) -> Frame:
    older, newer = cast(TextAdded, first.event), cast(TextAdded, second.event)
    return Frame({**newer, "text": older["text"] + newer["text"]})
