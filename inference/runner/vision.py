"""Let a chat model see: put images into its prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from inference.errors import InvalidRequest
from inference.runner.images import Looker, Picture, PictureStore, PlacedImage, placed_images
from inference.runner.literals import VocabularyMarks
from inference.runner.llama_loading import LoadedModel
from inference.runner.native import Context, Tokens
from inference.runner.native_vision import ImageBatch, Projector
from inference.runner.slots import Slot
from inference.runner.templates import Tokenizer
from inference.runner.worker import Ticket
from inference.types import ChatMessage

# Private-use characters, which go through every template as they are. See `literals.OPEN`.
OPEN, CLOSE = "\ue002", "\ue003"
MARKER = re.compile(f"{OPEN}([0-9]+){CLOSE}")


class Vision:
    """The eyes of one chat model. What concerns prompts is used by one thread, what concerns decoding by another."""

    def __init__(self, loaded: LoadedModel, projector: Path) -> None:
        self.projector = Projector(
            loaded.model,
            projector,
            loaded.log,
            n_threads=loaded.n_threads,
            flash_attention=loaded.spec["flash_attention"],
        )
        self.tokenizer = SeeingTokenizer(loaded.model)
        self._most_rows = 0
        self._store = PictureStore(self.projector, n_dims=self.projector.n_dims)

    def show(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return messages that carry marks instead of images; the tokenizer knows those marks until the next call.

        Raises InvalidRequest when an image is damaged.
        """
        pictures: list[Picture] = []
        shown = []
        for message in messages:
            marks = ""
            for image in message.images:
                marks += f"{OPEN}{len(pictures)}{CLOSE}"
                pictures.append(self._store.picture(image))
            shown.append(replace(message, content=marks + message.content, images=()))
        self.tokenizer.pictures = pictures
        return shown

    def reader(self, context: Context) -> ImageReader:
        """Return what decodes images in a context, and remember how much that takes at once."""
        self._most_rows = context.batch.capacity
        return ImageReader(self.projector, context)

    def placed(self, tokens: Tokens, *, n_dropped: int) -> list[PlacedImage]:
        """Return where the images of the last `show` came to stand.

        Raises InvalidRequest when the template left them out, or one is too large for the model.

        Args:
            n_dropped: Messages that were left out on purpose, perhaps with their images.
        """
        placed = placed_images(tokens, self.tokenizer.pictures)
        if self.tokenizer.pictures and not placed and not n_dropped:
            raise InvalidRequest("the model's chat template leaves images out")
        for image in placed:
            if image.sight.part.is_whole and image.n_rows > self._most_rows:
                raise InvalidRequest(f"an image takes {image.n_rows:,} rows, but {self._most_rows:,} are read at once")
        return placed


class SeeingTokenizer:
    """Puts the images of one request where their marks stand in the text.

    Attributes:
        pictures: By the number in their mark.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.bos, self.eos, self.adds_bos = tokenizer.bos, tokenizer.eos, tokenizer.adds_bos
        self.pictures: Sequence[Picture] = ()
        self._tokenizer = tokenizer

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]:
        tokens: list[int] = []
        start = 0
        for mark in MARKER.finditer(text) if self.pictures else ():
            if int(mark[1]) >= len(self.pictures):
                continue
            tokens += self._plain(text[start : mark.start()], parse_special, add_special and not start)
            tokens += self.pictures[int(mark[1])].tokens
            start = mark.end()
        return tokens + self._plain(text[start:], parse_special, add_special and not start)

    def token_text(self, token: int) -> str:
        return self._tokenizer.token_text(token)

    def marks(self) -> VocabularyMarks:
        return self._tokenizer.marks()

    def _plain(self, text: str, parse_special: bool, add_special: bool) -> list[int]:
        if not text and not add_special:
            return []
        return self._tokenizer.tokenize(text, parse_special=parse_special, add_special=add_special)


class ImageReader:
    """Decodes images into slots. Used by the thread that decodes."""

    def __init__(self, projector: Projector, context: Context) -> None:
        self._looker = Looker(projector.encode)
        self._looker.start()
        self._batch = ImageBatch(context, projector)

    def is_ready(self, image: PlacedImage, ticket: Ticket) -> bool:
        return self._looker.is_ready(image.sight, ticket)

    def wait(self, timeout_s: float) -> None:
        self._looker.wait(timeout_s)

    def decode(self, slot: Slot, image: PlacedImage, n_rows: int) -> int:
        """Decode the next rows of an image that a slot has come to; return what `Context.decode` does."""
        sight = image.sight
        if sight.rows is None:
            raise RuntimeError("an image is decoded before it was looked at")
        first = slot.position(image.start)
        return self._batch.decode(slot.index, sight.part, sight.rows, first, slot.n_seen, slot.n_seen + n_rows)
