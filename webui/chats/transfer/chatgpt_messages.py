"""What one message of ChatGPT says: its words, pictures, files and citations, or which step towards an answer it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from webui.chats.models import COMMENT_MAX_LENGTH
from webui.chats.transfer import values
from webui.chats.transfer.fences import fenced
from webui.chats.transfer.limits import CITED_MAX_CHARS, MAX_CITATIONS, MAX_FILES_OF_MESSAGE, MAX_IMAGES_OF_MESSAGE
from webui.chats.transfer.shapes import Note, TakenCitation, TakenFile, TakenImage, TakenMessage, TakenRating

_TEXTS = ("text", "multimodal_text")
_THOUGHTS = ("thoughts", "reasoning_recap")
_INSTRUCTIONS = "user_editable_context"
_MEMORIES = "model_editable_context"
_CONTEXTS: Mapping[object, tuple[str, ...]] = {
    _INSTRUCTIONS: ("user_profile", "user_instructions"),
    _MEMORIES: ("model_set_context", "structured_context", "repo_summary"),
}
_OLDER_INSTRUCTIONS = ("about_user_message", "about_model_message")
_PROJECT = "g-p-"
_POINTERS = ("file-service://", "sediment://")
_OPENINGS = ("\ue200", "【", "[", "(")
_NEW_CANVAS = "canmore.create_textdoc"
# What it puts around the marks of its citations, and what is put around ours until they have their numbers.
_MARKED = re.compile("\ue200[^\ue200\ue201]*\ue201")
_OURS = re.compile("\ue210([0-9]+)\ue211")
_PRIVATE = dict.fromkeys(range(0xE200, 0xE220))


class Archive(Protocol):
    """The file that a chat comes from."""

    def named(self, file_id: str) -> str:
        """Return the entry of a file; empty where it is not there."""

    def opinion(self, message_id: str) -> Mapping[str, Any]:
        """Return what the person thought of an answer, as the file has it; empty where that is not there."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A page or a file that an answer names."""

    name: str
    url: str
    text: str


class Reader:
    """Reads the messages of one chat.

    Args:
        otherwise: The time of a message that has none.
        gizmo: The custom GPT or the project that the chat belongs to; empty for neither.
        notes: Get what cannot be taken as it is.
    """

    def __init__(self, archive: Archive, otherwise: datetime, notes: Counter[Note], gizmo: str = "") -> None:
        self._archive = archive
        self._gizmo = gizmo
        self._otherwise = otherwise
        self._cited: list[_Page] = []
        self.notes = notes

    def text(self, value: str) -> str:
        return values.text(value, self.notes)

    def message(self, identity: str, parent: str | None, message: Mapping[str, Any]) -> TakenMessage:
        """Return a message that `is_shown`."""
        role = values.mapping(message.get("author")).get("role")
        about = values.mapping(message.get("metadata"))
        words, files, pictures = self._parts(message)
        for attachment in values.mappings(about.get("attachments")):
            if pointer := values.identity(attachment.get("id")):
                files[pointer] = self._file(pointer, values.plain(attachment.get("name"))[:300])
        content, is_answer = "\n\n".join(filter(None, words)), role != "user"
        if role == "tool":
            # What such a program says is meant for the model.
            content = ""
        content = self._cite(content, about) if is_answer else content.translate(_PRIVATE)
        model = values.name(about.get("model_slug"), 255) if is_answer else ""
        attached = (file for pointer, file in files.items() if pointer not in pictures)
        images = (TakenImage(file=files[pointer]) for pointer in pictures)
        created_at = values.when(message.get("create_time"), self.notes, self._otherwise)
        return TakenMessage(
            id=identity,
            parent=parent,
            role="assistant" if is_answer else "user",
            content=self.text(content),
            created_at=created_at,
            model=model,
            preset_name=gpt_of(values.identity(about.get("gizmo_id")) or self._gizmo) if is_answer else "",
            answerer=model,
            files=values.first_of(attached, MAX_FILES_OF_MESSAGE, self.notes),
            images=values.first_of(images, MAX_IMAGES_OF_MESSAGE, self.notes),
            rating=self._rating(identity, created_at) if is_answer else None,
        )

    def unfinished(self, identity: str, parent: TakenMessage | None, thinking: str) -> TakenMessage:
        """Return an answer that is thoughts alone."""
        return TakenMessage(
            id=identity,
            parent=parent.id if parent else None,
            role="assistant",
            content="",
            thinking=self.text(thinking),
            created_at=parent.created_at if parent else self._otherwise,
        )

    def _parts(self, message: Mapping[str, Any]) -> tuple[list[str], dict[str, TakenFile], dict[str, None]]:
        """Return the words, the files by what they are called, and which of those are pictures."""
        if canvas := _canvas(message):
            return [canvas], {}, {}
        name = values.name(values.mapping(values.mapping(message.get("metadata")).get("dalle")).get("prompt"), 255)
        words: list[str] = []
        files: dict[str, TakenFile] = {}
        pictures: dict[str, None] = {}
        for part in values.items(values.mapping(message.get("content")).get("parts")):
            if isinstance(part, str):
                words.append(part)
            elif pointer := _pointer(part):
                drawn_of = name or values.name(_prompt(part), 255)
                files.setdefault(pointer, self._file(pointer, drawn_of))
                pictures[pointer] = None
            elif isinstance(part, dict) and isinstance(part.get("text"), str):
                # What was said aloud.
                words.append(part["text"])
            else:
                self.notes[Note.PARTS] += 1
        return words, files, pictures

    def _file(self, pointer: str, name: str) -> TakenFile:
        entry = self._archive.named(pointer)
        return TakenFile(name=name or entry.rpartition("/")[2] or pointer, entry=entry, is_upload=True)

    def _rating(self, identity: str, otherwise: datetime) -> TakenRating | None:
        found = self._archive.opinion(identity)
        rating = values.plain(found.get("rating")).lower()
        if not rating.endswith(("up", "down")):
            return None
        return TakenRating(
            is_good=rating.endswith("up"),
            comment=values.text(_comment(found.get("content")), self.notes, COMMENT_MAX_LENGTH),
            rated_at=values.when(found.get("create_time"), self.notes, otherwise),
        )

    def _cite(self, content: str, about: Mapping[str, Any]) -> str:
        """Return the words with marks in the place of its citations, which get their numbers at last."""
        content = content.replace("\ue210", "").replace("\ue211", "")
        for mark, pages in _references(content, about):
            if mark in content:
                ours = "".join(f"\ue210{len(self._cited) + n}\ue211" for n in range(len(pages)))
                self._cited += pages
                content = content.replace(mark, ours)
        return _MARKED.sub("", content)

    def number_citations(self, message: TakenMessage) -> None:
        """Give the citations of a message their numbers, in the order of its words."""
        numbers: dict[_Page, int] = {}

        def number(found: re.Match[str]) -> str:
            page = self._cited[int(found[1])]
            if page not in numbers and len(numbers) >= MAX_CITATIONS:
                self.notes[Note.TOO_MANY] += 1
                return ""
            return f"[{numbers.setdefault(page, len(numbers) + 1)}]"

        message.content = _OURS.sub(number, message.content).translate(_PRIVATE)
        message.citations = [_citation(page, number) for page, number in numbers.items()]


def _citation(page: _Page, number: int) -> TakenCitation:
    text = "\n".join(filter(None, (page.text, page.url)))[:CITED_MAX_CHARS]
    return TakenCitation(number=number, document_name=page.name, text=text, end=len(text))


def _references(content: str, about: Mapping[str, Any]) -> Iterator[tuple[str, list[_Page]]]:
    """Yield what stands in the words for pages, and the pages."""
    for reference in [*values.mappings(about.get("content_references"))][:MAX_CITATIONS]:
        mark = values.plain(reference.get("matched_text"))
        items = [*values.mappings(reference.get("items"))] or [reference]
        if mark.startswith(_OPENINGS) and len(mark) > 2:
            yield mark, [*filter(None, map(_page, items))]
    for citation in [*values.mappings(about.get("citations"))][:MAX_CITATIONS]:
        start, end = (values.count(citation.get(key)) for key in ("start_ix", "end_ix"))
        mark = content[start:end] if start is not None and end is not None else ""
        page = _page(values.mapping(citation.get("metadata")))
        if page and mark.startswith("【") and len(mark) > 2:
            yield mark, [page]


def _page(found: Mapping[str, Any]) -> _Page | None:
    url = values.plain(found.get("url"))[:2000]
    name = values.name(found.get("title") or found.get("name") or url, 255)
    text = values.plain(found.get("snippet") or found.get("text"))[:CITED_MAX_CHARS]
    return _Page(name, url, text) if name else None


def _pointer(part: object) -> str:
    """Return what a picture is called that a part points to; empty for another part."""
    address = values.plain(part.get("asset_pointer")) if isinstance(part, dict) else ""
    for scheme in _POINTERS:
        if address.startswith(scheme):
            return address.removeprefix(scheme)[:200]
    return ""


def _prompt(part: object) -> object:
    about = values.mapping(part.get("metadata")) if isinstance(part, dict) else {}
    return values.mapping(about.get("dalle")).get("prompt")


def _comment(content: object) -> str:
    """Return what somebody wrote about an answer; it stands in JSON of its own."""
    said = values.plain(content)
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return said
    return values.plain(values.mapping(found).get("text"))


def _canvas(message: Mapping[str, Any]) -> str:
    """Return the document or program that an answer has put beside the chat; empty for anything else."""
    if message.get("recipient") != _NEW_CANVAS:
        return ""
    content = values.mapping(message.get("content"))
    given = [content.get("text"), *values.items(content.get("parts"))]
    try:
        found = values.mapping(json.loads(next(text for text in given if isinstance(text, str))))
    except (StopIteration, ValueError, RecursionError):
        return ""
    name, said, kind = (values.plain(found.get(key)) for key in ("name", "content", "type"))
    if not said.strip():
        return ""
    if kind.startswith("code/"):
        said = fenced(said, re.sub(r"[^a-z0-9+#-]", "", kind.removeprefix("code/").lower())[:20])
    return f"**{values.name(name, 200) or 'Canvas'}**\n\n{said}"


# ---- what was not shown --------------------------------------------------------------------------


def is_shown(message: Mapping[str, Any]) -> bool:
    """Whether it is a message, and no step on the way to one: it has words for the person, or a picture."""
    author, content = values.mapping(message.get("author")), values.mapping(message.get("content"))
    about, role = values.mapping(message.get("metadata")), author.get("role")
    if values.flag(about.get("is_visually_hidden_from_user_message")):
        return False
    parts = values.items(content.get("parts"))
    if role == "tool":
        return any(map(_pointer, parts))
    if role == "assistant" and _canvas(message):
        return True
    if role not in ("user", "assistant") or message.get("recipient") not in (None, "all"):
        return False
    return content.get("content_type") in _TEXTS and any(not isinstance(part, str) or part.strip() for part in parts)


def told(message: Mapping[str, Any]) -> str:
    """Return what a step on the way to an answer says; empty for what says nothing of it."""
    author, content = values.mapping(message.get("author")), values.mapping(message.get("content"))
    kind = values.plain(content.get("content_type"))
    if author.get("role") not in ("assistant", "tool") or kind in _CONTEXTS:
        return ""
    if kind in _THOUGHTS:
        thoughts = [values.plain(thought.get("content")) for thought in values.mappings(content.get("thoughts"))]
        return "\n\n".join(filter(None, thoughts)).translate(_PRIVATE)
    texts = [content.get("text"), content.get("result"), *values.items(content.get("parts"))]
    said = "\n".join(values.plain(text) for text in texts if isinstance(text, str)).strip()
    return fenced(_MARKED.sub("", said).translate(_PRIVATE)) if said else ""


def context(message: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a message says to the model alone: of which kind that is, and the words, empty for other messages.

    The kinds are what the person had told of themselves and of answers, and what the model had remembered of them.
    """
    content = values.mapping(message.get("content"))
    kind = values.plain(content.get("content_type"))
    said = _texts(content, _CONTEXTS.get(kind, ()))
    if not said and kind == _INSTRUCTIONS:
        about = values.mapping(message.get("metadata"))
        said = _texts(values.mapping(about.get("user_context_message_data")), _OLDER_INSTRUCTIONS)
    return kind, "\n\n".join(said)


def _texts(found: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    return [*filter(None, (values.plain(found.get(key)).strip() for key in keys))]


def project_of(gizmo: str) -> str:
    """Return the id of a project, which is written as those of custom GPTs are; empty for one of these."""
    return gizmo if gizmo.startswith(_PROJECT) else ""


def gpt_of(gizmo: str) -> str:
    """Return what a custom GPT is called here; its own name is not in the file."""
    return values.name(f"GPT {gizmo.removeprefix('g-')}", 100) if gizmo and not project_of(gizmo) else ""
