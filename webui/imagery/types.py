"""What is asked of a server that makes pictures, and what comes back."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

Kind = Literal["openai", "automatic1111", "comfyui"]
Slot = Literal["prompt", "negative_prompt", "width", "height", "seed", "steps", "model", "count"]

SLOTS: Final[tuple[Slot, ...]] = ("prompt", "negative_prompt", "width", "height", "seed", "steps", "model", "count")
"""What of a workflow can be filled in."""

Place = tuple[str, str]
"""A node of a workflow and the name of one of its inputs."""


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagerySpec:
    """A connection as the code that talks to it needs it.

    Attributes:
        key: Never part of the repr, which ends up in logs.
        is_key_readable: False when the stored key cannot be decrypted with this secret key.
        model, sampler, steps: Empty or None leave the choice to the server.
        workflow, mapping: Of ComfyUI alone: what it runs, and where in it the slots are.
    """

    uuid: str
    name: str
    kind: Kind
    url: str
    key: str = field(default="", repr=False)
    is_key_readable: bool = True
    model: str = ""
    sampler: str = ""
    steps: int | None = None
    workflow: Mapping[str, Any] = field(default_factory=dict, repr=False)
    mapping: Mapping[Slot, Place] = field(default_factory=dict)

    @property
    def authorization(self) -> str:
        """AUTOMATIC1111 knows `--api-auth name:password`; others, and what stands before them, take a bearer."""
        if not self.key:
            return ""
        if self.kind == "automatic1111" and ":" in self.key:
            return f"Basic {base64.b64encode(self.key.encode()).decode()}"
        return f"Bearer {self.key}"

    @property
    def model_label(self) -> str:
        """Who made a picture, in words."""
        return self.model or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One or more pictures of the same words. Each has a seed of its own, rising by one from `seed`."""

    prompt: str
    negative_prompt: str = ""
    size: Size = Size(1024, 1024)
    count: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """No picture yet.

    Attributes:
        position: So many other pictures come before it.
        percent: None where the server does not tell.
    """

    state: Literal["queued", "drawing", "fetching"]
    position: int = 0
    percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Pictures as files that a stranger made.

    Attributes:
        seeds: Of each; empty where the server takes none.
        prompt: The words that it made of the prompt; empty where it took those.
        facts: What else was sent of it, by the names of `Wish` and `ImagerySpec`.
    """

    pictures: Sequence[bytes]
    seeds: Sequence[int] = ()
    prompt: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server says that it has; empty lists where its API lists none."""

    models: Sequence[str] = ()
    samplers: Sequence[str] = ()


class Backend(Protocol):
    """Talks to one kind of server. Errors are those of `inference.errors` and of this app."""

    def draw(self, wish: Wish) -> AsyncGenerator[Progress | Drawn]:
        """Yield what is known of a picture while it is made, then the picture. Closing it stops the server too."""
        ...

    async def offer(self) -> Offer:
        """Ask what the server has. Cheap; also proves that it is the right kind of server, and the key."""
        ...
