"""What was sent to a model with one question, and what was not: the context ledger, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import rag.api as rag
from webui.accounts.models import User
from webui.chats.answerers import model_label
from webui.chats.models import Generation, Message
from webui.chats.views.windows import remarks_on
from webui.presets.contexts import OptionRow, option_rows
from webui.ui.numbers import grouped

OPENING_CHARS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One message or passage: who says it or where it stands, how it begins, and its tokens."""

    name: str
    opening: str
    tokens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPanel:
    """What `chats/_ledger.html` shows.

    Attributes:
        counts: Tokens by who has counted them, in words.
        briefings: What went into the system prompt, by who says it; `name` only.
        sent, dropped: Messages, in the order of the chat.
        merged: The answers that went with the question, to be made one.
        cleared: A sentence about messages before the point where the context was cleared; empty without one.
        options: Those that were sent.
    """

    counts: Sequence[OptionRow]
    remarks: Sequence[str]
    briefings: Sequence[LedgerEntry]
    sent: Sequence[LedgerEntry]
    merged: Sequence[LedgerEntry]
    dropped: Sequence[LedgerEntry]
    cleared: str
    passages: Sequence[LedgerEntry]
    options: Sequence[OptionRow]


def ledger_panel(user: User, generation: Generation) -> LedgerPanel:
    """Return what the panel shows, as far as the reader may read it now. Two queries: messages and documents."""
    ledger = generation.ledger
    merged = ledger.get("merged", [])
    texts = _texts(generation, [*ledger["sent"], *ledger["dropped"], *merged])
    return LedgerPanel(
        counts=list(_counts(generation)),
        remarks=list(remarks_on(generation)),
        briefings=[
            LedgerEntry(name=_given_by(given), opening="", tokens=_tokens(given["tokens"]))
            for given in ledger.get("briefings", ())
            if given["tokens"]
        ],
        sent=[_message_entry(entry, texts) for entry in ledger["sent"]],
        merged=[replace(_message_entry(entry, texts), name=model_label(entry["name"])) for entry in merged],
        dropped=[_message_entry(entry, texts) for entry in ledger["dropped"]],
        cleared=_cleared(ledger.get("cleared", 0)),
        passages=_passages(user, ledger["passages"]),
        options=option_rows(ledger.get("options", {})),
    )


def _texts(generation: Generation, entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    wanted = [entry["message"] for entry in entries if entry["message"]]
    found = Message.objects.filter(chat_id=generation.message.chat_id, uuid__in=wanted)
    return {str(uuid): content for uuid, content in found.values_list("uuid", "content")}


def _message_entry(entry: Mapping[str, Any], texts: Mapping[str, str]) -> LedgerEntry:
    roles = dict(Message.Role.choices) | {"system": _("System prompt")}
    role = str(roles[entry.get("role", Message.Role.ASSISTANT)])
    opening = Truncator(texts.get(entry["message"] or "", "")).chars(OPENING_CHARS)
    if not entry["message"] and entry.get("role") in ("user", "assistant"):
        opening = _("An example of the preset")
    elif entry["message"] and entry["message"] not in texts:
        opening = _("This message was deleted.")
    return LedgerEntry(name=role, opening=opening, tokens=_tokens(entry["tokens"]))


def _given_by(given: Mapping[str, Any]) -> str:
    words = {
        "model": _("For everybody who asks %(name)s"),
        "person": _("Your settings"),
        "preset": _("The preset “%(name)s”"),
        "folder": _("The folder “%(name)s”"),
        "chat": _("This chat"),
    }
    return words[given["source"]] % {"name": given["name"]}


def _passages(user: User, entries: Sequence[Mapping[str, Any]]) -> list[LedgerEntry]:
    """A document that may not be read any more has neither name nor place."""
    wanted = {UUID(entry["document"]) for entry in entries}
    readable = rag.readable_documents(user).filter(uuid__in=wanted) if wanted else ()
    names = {str(document.uuid): document.name for document in readable}
    return [
        LedgerEntry(
            name=f"[{entry['number']}] {names.get(entry['document']) or _('Not available to you')}",
            opening=entry["place"] if entry["document"] in names else "",
            tokens=_tokens(entry["tokens"]),
        )
        for entry in entries
    ]


def _counts(generation: Generation) -> list[OptionRow]:
    ledger = generation.ledger
    rows = [OptionRow(label=_("Sent, as counted here"), value=_about(ledger["estimated_tokens"]))]
    if generation.prompt_tokens:
        rows.append(OptionRow(label=_("Read, as the server says"), value=_tokens(generation.prompt_tokens)))
    if ledger["context_tokens"]:
        rows.append(OptionRow(label=_("Context window"), value=_tokens(ledger["context_tokens"])))
    return rows


def _cleared(n_cleared: int) -> str:
    if not n_cleared:
        return ""
    return ngettext(
        "%(n)s message before the point where the context was cleared was not sent.",
        "%(n)s messages before the point where the context was cleared were not sent.",
        n_cleared,
    ) % {"n": grouped(n_cleared)}


def _about(n_tokens: int) -> str:
    return _("about %(tokens)s") % {"tokens": _tokens(n_tokens)}


def _tokens(n_tokens: int) -> str:
    return ngettext("%(n)s token", "%(n)s tokens", n_tokens) % {"n": grouped(n_tokens)}
