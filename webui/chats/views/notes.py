"""What the page says after one of the words of a terminal chat: an aside that no model is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asgiref.sync import async_to_sync
from django.utils.translation import gettext as _

from inference import client
from inference.errors import InferenceError, ModelNotFound
from inference.types import ModelCard
from webui.accounts.model_access import models_for
from webui.accounts.models import User
from webui.chats.answerers import QUOTES, Answerer, model_label
from webui.chats.chat_options import levels_in
from webui.chats.models import Chat
from webui.chats.repl import DRAW, SHOWN, WORDS, Help, SetOption, SetSystem, Shown
from webui.chats.views.model_choices import model_choices, preset_choices
from webui.presets.levels import effective_options
from webui.presets.modelfiles import examples_of
from webui.presets.models import ModelPreset
from webui.presets.options import OPTIONS
from webui.presets.wording import in_words, said_by
from webui.ui.numbers import grouped

MAX_TEXT_CHARS = 20_000
"""A license can be long; so much of it is shown."""


@dataclass(frozen=True, slots=True)
class NoteRow:
    """`detail` is said more quietly after the value."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What `chats/_note.html` shows. `text` stands below the rows, as it was written."""

    title: str
    rows: Sequence[NoteRow] = field(default_factory=list)
    text: str = ""


def help_note(command: Help, *, has_pictures: bool) -> Note:
    match command.topic:
        case "set":
            return Note(title=_("Options for /set parameter"), rows=[NoteRow(o.name, str(o.help)) for o in OPTIONS])
        case "show":
            return Note(title=_("What /show tells"), text="\n".join(f"/show {what}" for what in SHOWN))
    words = [word for word in WORDS if word.usage != DRAW or has_pictures]
    return Note(title=_("Words for this field"), rows=[NoteRow(word.usage, str(word.meaning)) for word in words])


def nothing_to_clear() -> Note:
    return Note(title=_("Nothing has been said yet, so there is nothing to clear."))


def option_note(command: SetOption) -> Note:
    if command.is_unsent:
        return Note(title=_("From the next question on, “%(name)s” is not sent in this chat.") % {"name": command.name})
    if command.value is None:
        return Note(title=_("“%(name)s” is not set in this chat any more.") % {"name": command.name})
    facts = {"name": command.name, "value": in_words(command.value)}
    return Note(title=_("From the next question on, “%(name)s” is %(value)s in this chat.") % facts)


def system_note(command: SetSystem) -> Note:
    if not command.text:
        return Note(title=_("This chat has no system prompt of its own any more."))
    return Note(title=_("From the next question on, the model is told in this chat:"), text=command.text)


def list_note(user: User) -> Note:
    """Tell who can be asked now, presets first."""
    models = models_for(user)
    presets = [NoteRow(preset.name, preset.base_model) for preset in preset_choices(user, models, "")]
    rows = [*presets, *(NoteRow(model.name, model.detail) for model in model_choices(models))]
    return Note(title=_("Who can answer"), rows=rows)


def saved_note(preset: ModelPreset) -> Note:
    return Note(
        title=_("Saved as the preset “%(name)s”.") % {"name": preset.name},
        rows=[
            NoteRow(_("Model"), preset.base_model),
            NoteRow(_("Examples"), grouped(len(examples_of(preset.modelfile_rest)))),
        ],
    )


def show_note(what: Shown, chat: Chat, answerer: Answerer) -> Note:
    """Return what is asked about the chat or its model; that one's server is asked for some of it."""
    if what == "system":
        return _system(chat, answerer)
    if what == "parameters":
        return _parameters(chat, answerer)
    if answerer.model in ("", QUOTES):
        return Note(title=_("No model answers here."))
    try:
        card = async_to_sync(client.model_card)(answerer.model)
        return _info(answerer, card) if what == "info" else _part(what, answerer, card)
    except ModelNotFound:
        return Note(title=_("The model “%(model)s” is not available now.") % {"model": answerer.model})
    except InferenceError:
        return Note(title=_("The server of the model “%(model)s” does not answer now.") % {"model": answerer.model})


def _system(chat: Chat, answerer: Answerer) -> Note:
    rows = [
        NoteRow(_("Set %(whose)s") % {"whose": said_by(level)}, level.system_prompt)
        for level in levels_in(chat, answerer.model, answerer.preset)
        if level.system_prompt
    ]
    if chat.folder and chat.folder.system_prompt:
        whose = _("Set in the folder “%(folder)s”") % {"folder": chat.folder.name}
        at = len(rows) - bool(chat.system_prompt)
        rows.insert(at, NoteRow(whose, chat.folder.system_prompt))
    return Note(
        title=_("System prompts, in the order they are told") if rows else _("No system prompt is set."), rows=rows
    )


def _parameters(chat: Chat, answerer: Answerer) -> Note:
    effective = effective_options(levels_in(chat, answerer.model, answerer.preset))
    rows = [NoteRow(name, in_words(one.value), said_by(one.level)) for name, one in effective.items()]
    try:
        card = async_to_sync(client.model_card)(answerer.model)
    except InferenceError:
        # What is set can be told without the model.
        card = ModelCard()
    return Note(
        title=_("Options that are sent") if rows else _("No option is set, so none is sent."),
        rows=rows,
        text="\n".join([_("The model’s own:"), card.parameters]) if card.parameters else "",
    )


def _info(answerer: Answerer, card: ModelCard) -> Note:
    return Note(title=answerer.preset_name or model_label(answerer.model), rows=[*_facts(answerer, card)])


def _facts(answerer: Answerer, card: ModelCard) -> Iterator[NoteRow]:
    info = async_to_sync(client.find_model)(answerer.model)
    context_length = card.context_length or info.context_length
    facts = (
        (_("Model"), answerer.model),
        (_("Connection"), info.connection),
        (_("Architecture"), card.architecture or info.family or ""),
        (_("Parameters"), card.parameter_size or info.parameter_size or ""),
        (_("Quantization"), card.quantization or info.quantization or ""),
        (_("Context length"), grouped(context_length) if context_length else ""),
        (_("Embedding length"), grouped(card.embedding_length) if card.embedding_length else ""),
        (_("Capabilities"), ", ".join(card.capabilities or sorted(info.capabilities))),
        (_("Its own options"), ", ".join(" ".join(line.split()) for line in card.parameters.splitlines())),
        (_("Its own system prompt"), card.system),
        (_("License"), next((line.strip() for line in card.license.splitlines() if line.strip()), "")),
    )
    return (NoteRow(name, value) for name, value in facts if value)


def _part(what: Shown, answerer: Answerer, card: ModelCard) -> Note:
    texts = {"license": card.license, "template": card.template, "modelfile": card.modelfile}
    titles = {
        "license": _("License of %(model)s"),
        "template": _("Template of %(model)s"),
        "modelfile": _("Modelfile of %(model)s"),
    }
    title = titles[what] % {"model": answerer.model}
    return Note(title=title, text=texts[what][:MAX_TEXT_CHARS] or _("Its server tells none."))
