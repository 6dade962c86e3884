"""What one message of Open WebUI says: words, thoughts, files, pictures, sources, and what was thought of it."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from webui.chats.errors import FAILED_ELSEWHERE
from webui.chats.models import COMMENT_MAX_LENGTH, PICTURES, BadReason, Generation, GoodReason
from webui.chats.transfer import values
from webui.chats.transfer.fences import fenced
from webui.chats.transfer.limits import (
    CITED_MAX_CHARS,
    FOLLOW_UP_MAX_CHARS,
    MAX_CITATIONS,
    MAX_FILES_OF_MESSAGE,
    MAX_FOLLOW_UPS,
    MAX_IMAGES_OF_MESSAGE,
)
from webui.chats.transfer.shapes import (
    Note,
    Role,
    TakenCitation,
    TakenFile,
    TakenGeneration,
    TakenImage,
    TakenMessage,
    TakenRating,
)

_ROLES: Mapping[object, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/jpg": "jpg", "image/webp": "webp", "image/gif": "gif"}
_STEPS = '<details type="'
_STEPS_END = "</details>"
_STEP_KINDS = ("reasoning", "tool_calls", "code_interpreter")
_SUMMARY = re.compile(r"\s*<summary>[^<]*</summary>\s*")
_ATTRIBUTE = re.compile(r'(name|arguments|result|output)="([^"]*)"')
_REASONS: Mapping[str, str] = {
    "accurate_information": GoodReason.CORRECT,
    "thorough_explanation": GoodReason.COMPLETE,
    "attention_to_detail": GoodReason.COMPLETE,
    "not_factually_correct": BadReason.WRONG,
    "too_verbose": BadReason.LONG,
    "dont_like_the_style": BadReason.FORM,
    "being_lazy": BadReason.INCOMPLETE,
    "not_helpful": BadReason.BESIDE_THE_QUESTION,
}
_ERROR_MAX_CHARS = 500


def parent_of(row: Mapping[str, Any]) -> str | None:
    return values.identity(row.get("parentId")) or None


def read_message(row: Mapping[str, Any], otherwise: datetime, notes: Counter[Note]) -> TakenMessage | None:
    """Return a message; None for a row that is none."""
    role = _ROLES.get(row.get("role")) if isinstance(row.get("role"), str) else None
    if role is None:
        return None
    words, found = _content(row.get("content"), notes)
    found += read_files(row.get("files"), notes)
    identity, created_at = values.identity(row.get("id")), values.when(row.get("timestamp"), notes, otherwise)
    message = TakenMessage(
        id=identity,
        parent=parent_of(row),
        role=role,
        content="",
        created_at=created_at,
        files=values.first_of((one for one in found if isinstance(one, TakenFile)), MAX_FILES_OF_MESSAGE, notes),
        images=values.first_of((one for one in found if isinstance(one, TakenImage)), MAX_IMAGES_OF_MESSAGE, notes),
    )
    if role == "assistant":
        _read_answer(message, row, words, notes)
    else:
        message.content = values.text(words, notes)
    return message


def _read_answer(message: TakenMessage, row: Mapping[str, Any], words: str, notes: Counter[Note]) -> None:
    words, inline_steps = _without_steps(words)
    said, steps = _output(row.get("output"))
    direct = row.get("reasoning_content") or row.get("thinking")
    thinking = direct if isinstance(direct, str) else "\n\n".join(steps or inline_steps)
    notes[Note.PARTS] += len(values.items(row.get("embeds")))
    message.content = values.text(words if words.strip() else said, notes)
    message.thinking = values.text(thinking, notes)
    message.model = values.name(row.get("model"), 255)
    message.answerer = PICTURES if message.images else message.model
    message.follow_ups = values.texts(row.get("followUps"), FOLLOW_UP_MAX_CHARS, MAX_FOLLOW_UPS, notes)
    message.citations = list(_citations(row.get("sources") or row.get("citations"), notes))
    message.rating = _rating(values.mapping(row.get("annotation")), message.created_at, notes)
    message.generation = _generation(row, message)


def _content(content: object, notes: Counter[Note]) -> tuple[str, list[TakenFile | TakenImage]]:
    """Return the words and the pictures of a content, which is a text or a list of parts."""
    if not isinstance(content, list):
        if content is not None and not isinstance(content, str):
            notes[Note.PARTS] += 1
        return values.plain(content), []
    words: list[str] = []
    files: list[TakenFile | TakenImage] = []
    for part in content:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            words.append(part["text"])
        elif isinstance(part, dict) and part.get("type") == "image_url":
            image = part.get("image_url")
            files += _picture(image.get("url") if isinstance(image, dict) else image, "", notes)
        else:
            notes[Note.PARTS] += 1
    return "\n\n".join(words), files


# ---- steps on the way to an answer -----------------------------------------------------------------


def _without_steps(words: str) -> tuple[str, list[str]]:
    """Return the words of an answer, and the steps that stand between them as HTML that folds."""
    kept: list[str] = []
    steps: list[str] = []
    at = 0
    while (begin := words.find(_STEPS, at)) >= 0:
        head_end, end = words.find(">", begin), words.find(_STEPS_END, begin)
        kind = words[begin + len(_STEPS) : begin + len(_STEPS) + 20].partition('"')[0]
        if not begin < head_end < end:
            # It is still open, and so is whatever follows.
            break
        if kind in _STEP_KINDS:
            kept.append(words[at:begin])
            steps.append(_step(kind, words[begin:head_end], words[head_end + 1 : end]))
        else:
            kept.append(words[at : end + len(_STEPS_END)])
        at = end + len(_STEPS_END)
    return "".join([*kept, words[at:]]).strip("\n") if steps else words, [*filter(None, steps)]


def _step(kind: str, head: str, body: str) -> str:
    body = _SUMMARY.sub("", body, count=1).strip()
    told = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(head)}
    if kind == "reasoning":
        lines = (line.removeprefix(">").removeprefix(" ") for line in html.unescape(body).splitlines())
        return "\n".join(lines)
    if kind == "tool_calls":
        return _call(told.get("name", ""), told.get("arguments", ""), told.get("result", ""))
    return "\n\n".join(filter(None, (html.unescape(body), told.get("output") and fenced(told["output"]))))


def _call(name: str, arguments: str, result: str) -> str:
    called = f"{name}({_unquoted(arguments)})" if name or arguments else ""
    return "\n\n".join(fenced(said) for said in (called, _unquoted(result)) if said)


def _unquoted(said: str) -> str:
    """Return a text that may be written as JSON once more."""
    if not said.startswith('"'):
        return said
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return said
    return found if isinstance(found, str) else said


def _output(output: object) -> tuple[str, list[str]]:
    """Return the words and the steps of an answer that is kept as the items of its making."""
    words: list[str] = []
    steps: list[str] = []
    for item in values.mappings(output):
        match item.get("type"):
            case "message":
                words += _texts_of(item.get("content"))
            case "reasoning":
                steps += [*_texts_of(item.get("summary")), *_texts_of(item.get("content"))]
            case "function_call":
                steps.append(_call(values.plain(item.get("name")), values.plain(item.get("arguments")), ""))
            case "function_call_output":
                result = item.get("output")
                steps.append(_call("", "", values.plain(result) or "\n".join(_texts_of(result))))
    return "\n\n".join(words), [*filter(None, steps)]


def _texts_of(parts: object) -> list[str]:
    return [*filter(None, (values.plain(part.get("text")) for part in values.mappings(parts)))]


# ---- files -----------------------------------------------------------------------------------------


def read_files(files: object, notes: Counter[Note]) -> Iterator[TakenFile | TakenImage]:
    """Yield pictures, which stand in the chat, and the texts that were read from files."""
    for item in values.mappings(files):
        inner = values.mapping(item.get("file"))
        name = values.plain(item.get("name") or inner.get("filename"))[:300]
        text = values.mapping(inner.get("data")).get("content") or item.get("content")
        if item.get("type") == "image" or str(item.get("url", ""))[:11] == "data:image/":
            yield from _picture(item.get("url"), name, notes)
        elif isinstance(text, str) and text.strip():
            content = values.text(text, notes).encode()
            yield TakenFile(name=f"{name or 'document'}.txt", content=content, is_upload=True)
        else:
            notes[Note.MISSING_FILES] += 1


def _picture(url: object, name: str, notes: Counter[Note]) -> Iterator[TakenImage]:
    """Yield the picture of a data address; what lies on another server is not asked for."""
    head, _, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    kind = _PICTURES.get(head.removeprefix("data:").removesuffix(";base64"))
    if kind is None or not head.startswith("data:"):
        notes[Note.MISSING_FILES] += 1
        return
    try:
        content = base64.b64decode(data)
    except (binascii.Error, ValueError):
        notes[Note.MISSING_FILES] += 1
        return
    yield TakenImage(file=TakenFile(name=name or f"picture.{kind}", content=content))


# ---- what an answer rests on, and what became of it ------------------------------------------------


def _citations(sources: object, notes: Counter[Note]) -> Iterator[TakenCitation]:
    """Yield what an answer cites as [1], [2] ...: each place once, in the order in which it is first met.

    Source: the prompt of Open WebUI numbers the places of its passages so, by `metadata.source` or `source.id`.
    """
    places: dict[str, list[tuple[str, Mapping[str, Any], Mapping[str, Any], object]]] = {}
    for item in values.mappings(sources):
        said_of, scores = values.items(item.get("metadata")), values.items(item.get("distances"))
        named = values.mapping(item.get("source"))
        for n, text in enumerate(values.items(item.get("document")) or [""]):
            said = values.mapping(said_of[n] if n < len(said_of) else None)
            place = (
                values.identity(said.get("source")) or values.identity(named.get("id")) or f"{named.get('name')}"[:200]
            )
            score = scores[n] if n < len(scores) else None
            places.setdefault(place, []).append((values.plain(text), said, named, score))
    for number, found in enumerate(values.first_of(places.values(), MAX_CITATIONS, notes), 1):
        _, about, named, _ = found[0]
        words = values.text("\n\n".join(filter(None, (text for text, *_ in found))), notes, CITED_MAX_CHARS)
        name = about.get("name") or named.get("name") or about.get("source") or named.get("url")
        page = values.count(about.get("page"))
        scores = [score for *_, value in found if (score := values.figure(value)) is not None]
        yield TakenCitation(
            number=number,
            document_name=values.name(name, 255),
            text=words,
            end=len(words),
            # It counts them from zero.
            page=page + 1 if page is not None and page < 1_000_000 else None,
            score=max(scores, default=None),
        )


def _rating(found: Mapping[str, Any], rated_at: datetime, notes: Counter[Note]) -> TakenRating | None:
    value = values.figure(found.get("rating"))
    if value not in (1, -1):
        return None
    reason, comment = (values.plain(found.get(key)).strip() for key in ("reason", "comment"))
    known = _REASONS.get(reason, "")
    fits = known in (GoodReason.values if value == 1 else BadReason.values)
    # Most of its reasons are words of its own.
    said = [comment] if fits else [reason, comment]
    return TakenRating(
        is_good=value == 1,
        reasons=[known] if fits else [],
        comment=values.text(": ".join(filter(None, said)), notes, COMMENT_MAX_LENGTH),
        rated_at=rated_at,
    )


def _generation(row: Mapping[str, Any], message: TakenMessage) -> TakenGeneration | None:
    """Return how an answer came about, where something is known of it."""
    error = row.get("error")
    usage = values.mapping(row.get("usage")) or values.mapping(values.mapping(row.get("info")).get("usage"))
    usage = usage or values.mapping(row.get("info"))
    prompt, answer = (
        next((n for key in keys if (n := values.count(usage.get(key))) is not None), None)
        for keys in (
            ("prompt_tokens", "input_tokens", "prompt_eval_count"),
            ("completion_tokens", "output_tokens", "eval_count"),
        )
    )
    if not error and row.get("done") is not False and prompt is None and answer is None:
        return None
    state = Generation.State.FINISHED if row.get("done") is not False else Generation.State.INTERRUPTED
    return TakenGeneration(
        id=f"{message.id}:generation",
        state=Generation.State.FAILED if error else state,
        created_at=message.created_at,
        heartbeat_at=message.created_at,
        error_code=FAILED_ELSEWHERE if error else "",
        error_facts={"detail": _words_of(error)[:_ERROR_MAX_CHARS]} if error else {},
        prompt_tokens=prompt,
        answer_tokens=answer,
    )


def _words_of(error: object) -> str:
    inner = values.mapping(error)
    return values.plain(error) or values.plain(inner.get("content") or inner.get("message") or inner.get("detail"))
