"""What the templates of the chat page are given.

`_message.html` and `_messages.html` are rendered for pages and for the socket alike, so they have
neither a `request` nor a CSRF token: only what is documented here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.safestring import SafeString

from rag.api import READABLE_NAMES
from webui.chats.repl import DRAW, NAMES, WORDS, Word
from webui.chats.views.sidebar_contexts import SidebarPage, TagView
from webui.chats.views.windows import WindowView
from webui.chats.wording import Explanation
from webui.imagery.conf import MAX_PICTURES, MAX_SEED
from webui.rendering import is_long, plain_text
from webui.speech.contexts import VoiceView


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationView:
    """A passage the answer rests on.

    Attributes:
        document_name: Empty when the reader may not read the document any more; then so is all else.
        place: The page, slide, sheet or section in words; empty for files without any.
        short_place: The same with the last heading alone: a path that is cut at its end looks like its neighbours.
        url: The document's page with the passage marked; empty when the reader has no way there.
        is_deleted: The document is gone and its words stay.
        passage_url: The passage with what stands around it, for the side panel; empty like `url`.
    """

    number: int
    document_name: str
    place: str
    short_place: str
    text: str
    url: str
    passage_url: str = ""
    is_deleted: bool = False

    @property
    def as_line(self) -> str:
        """The citation in one line of plain text."""
        return f"[{self.number}] {', '.join(filter(None, [self.document_name, self.place]))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """A document attached to a message. `state` is one of rag.models.Document.State."""

    uuid: str
    name: str
    state: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeView:
    """Knowledge that a message asks."""

    uuid: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """A picture that goes with a question, or is an answer, and the same small.

    `name` is that of the file, or the words that it was made of; `file_name` is what it is saved as.
    """

    uuid: str
    name: str
    file_name: str
    url: str
    preview_url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message of the shown branch.

    Attributes:
        text: What the person or the model wrote, as it was written (for copy and edit).
        html: `text` rendered and safe; empty while the answer runs (its blocks come as events).
        thinking_html: The model's reasoning, rendered and safe; empty when there is none.
        thinking_title: What it folds away behind: how long the model has thought, where that was measured.
        model_name: Who answered, in words (a preset's name, "tiny:latest", "Quotes"); empty on people's messages.
        base_model: The model that a preset answered with; empty without a preset.
        answerer: As who it was asked: the id of a `ModelChoice` or a `PresetChoice`; empty on people's messages.
        sibling_number: 1-based position among the siblings, `sibling_count` of them.
        previous_sibling: Message uuid for `chats:show_sibling`; None at the first.
        generation_uuid: None on people's messages.
        state: One of Generation.State; empty on people's messages.
        is_active: The answer is queued or running.
        error: What went wrong and what to do; also set for an interrupted answer.
        facts: Short sentences for the info line ("212 tokens", "24 tokens a second", "Stopped").
        remarks: Sentences about what of the chat or the documents the model did not have before it.
        window: How full the context window is after this answer; None where its size is not known.
        ends_context: It and what is above it is not sent with later questions.
        ledger_url: What was sent for it, for the side panel; empty when nothing was.
        trace_url: How the documents were searched, for the side panel; empty when none were.
        follow_ups: Questions to go on with; shown while the answer is the last message.
        merged_words: That it was made of other answers, and of whose; empty when it was not.
        rating: What the reader thinks of a finished answer, "unrated" until they say it; empty when nobody is asked, as
            of an answer without words.
        is_picture: The answer is its pictures, or will be.
        asks_for_picture: Pictures were asked for with these words of a person.
    """

    uuid: str
    chat_uuid: str
    role: Literal["system", "user", "assistant", "tool"]
    text: str
    html: SafeString
    thinking_html: SafeString
    thinking_title: str
    model_name: str
    base_model: str
    created_at: datetime
    sibling_number: int
    sibling_count: int
    previous_sibling: str | None
    next_sibling: str | None
    generation_uuid: str | None
    state: str
    is_active: bool
    error: Explanation | None
    citations: Sequence[CitationView]
    documents: Sequence[DocumentView]
    knowledge: Sequence[KnowledgeView]
    images: Sequence[ImageView]
    facts: Sequence[str]
    remarks: Sequence[str]
    window: WindowView | None
    ends_context: bool
    ledger_url: str
    trace_url: str
    follow_ups: Sequence[str] = ()
    rating: Literal["", "unrated", "good", "bad"] = ""
    answerer: str = ""
    is_picture: bool = False
    asks_for_picture: bool = False
    merged_words: str = ""

    @property
    def has_text(self) -> bool:
        """Whether there is something to copy: not in an answer that failed before its first word."""
        return bool(self.text.strip())

    @property
    def is_long(self) -> bool:
        """Whether it is a question of which the beginning is shown, until somebody asks for the rest."""
        return self.role == "user" and is_long(self.text)

    @property
    def has_content(self) -> bool:
        """Whether there is something to go on from."""
        return self.has_text or bool(self.images)

    @property
    def copied_text(self) -> str:
        """The text as it is copied: below an answer stands what its numbers refer to."""
        return self._with_sources(self.text)

    @property
    def plain_text(self) -> str:
        """The same without marks."""
        if self.role == "user":
            return self.text
        return self._with_sources(plain_text(self.text, citations=[citation.number for citation in self.citations]))

    def _with_sources(self, text: str) -> str:
        sources = [citation.as_line for citation in self.citations if citation.document_name]
        return "\n\n".join([text, "\n".join(sources)]) if sources else text

    @property
    def offers(self) -> str:
        """What can be done with it beside the usual, for its menu: words parted by spaces."""
        offered = {
            "keep": self.can_be_kept,
            "ledger": bool(self.ledger_url),
            "text": self.has_text,
            "picture": self.has_text and not self.is_active,
            "merge": self.role == "assistant" and self.sibling_count > 1,
        }
        return " ".join(name for name, is_offered in offered.items() if is_offered)

    @property
    def can_be_kept(self) -> bool:
        """Whether it cites a document that is there, and so can become a golden question.

        Where people rate answers, that is offered after a good rating instead.
        """
        return not self.is_active and not self.rating and any(citation.url for citation in self.citations)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessages:
    """All that `chats/_messages.html` shows of a branch.

    Attributes:
        columns: Answers side by side at its end; empty when the last one stands alone among the messages.
        current: Uuid of the message that the branch ends in; None when there is none.
        earlier_url: Of what goes before the first message; empty when nothing does, or it is shown already.
    """

    messages: Sequence[MessageView] = ()
    earlier_url: str = ""
    columns: Sequence[MessageView] = ()
    current: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingView:
    """How the chat being shown is kept."""

    uuid: str
    is_archived: bool
    is_deleted: bool
    tags: Sequence[TagView]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureChoice:
    """A connection that makes pictures.

    Attributes:
        sizes: As people choose among them, with their words ("Square, 1024 × 1024").
        takes_negative_prompt, takes_seed: Whether it can be told them.
    """

    uuid: str
    name: str
    sizes: Sequence[tuple[str, str]]
    takes_negative_prompt: bool
    takes_seed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A row of the model picker. Embedders are not offered.

    Attributes:
        detail: Size and connection in words ("1.2 GB, Built-in").
        is_quotes: The answerer that quotes documents and needs no model.
        may_see: It can be sent pictures.
    """

    id: str
    name: str
    detail: str
    is_quotes: bool
    may_see: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetChoice:
    """A preset in the model picker. `sign`, a letter or an emoji, stands for it, or its picture if it has one.

    `may_see`: its model can be sent pictures.
    """

    id: str
    name: str
    base_model: str
    sign: str
    picture_url: str
    description: str
    suggestions: Sequence[str]
    may_see: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTrouble:
    """A connection that could not be listed: its name and a sentence."""

    connection: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatHead:
    """The chat being shown."""

    uuid: str
    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The message that a page is opened at. `branch_url` shows its branch; empty when that is shown."""

    uuid: str
    branch_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderHead:
    """The folder of the chat being shown, or being begun."""

    uuid: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPage:
    """All that `chats/chat.html` shows.

    Attributes:
        chat: None for a new chat.
        folder: None when the chat is in none.
        goal: None when the page is opened at the end of the chat.
        keeping: None for a new chat, and for a temporary one.
        presets: Those that the reader may use and whose model can be asked now.
        selected_model: Id of a `ModelChoice` or a `PresetChoice`, always one of `models` or `presets`.
        models_beside: Ids of those that were asked beside it and can be asked now.
        has_lost_preset: The chat was asked as a preset that cannot be asked now; `selected_model` is another one.
        has_chat_model: False while only Quotes can answer: the page offers the ways to get a model.
        may_manage_models: The reader is an administrator and may go to those ways.
        message_max_chars, message_max_documents: For the composer's limits.
        accepted_files: Endings of names, for the file picker.
        pictures: Who can make pictures for the reader, the default first.
        voice: How answers are read to the reader, and what they say is written down.
        words, word_names: Of a terminal chat: what is offered of them, and how a text begins that may be one.
    """

    chat: ChatHead | None
    shown: ShownMessages
    sidebar: SidebarPage
    models: Sequence[ModelChoice]
    presets: Sequence[PresetChoice]
    selected_model: str
    has_lost_preset: bool
    has_chat_model: bool
    problems: Sequence[ConnectionTrouble]
    may_manage_models: bool
    message_max_chars: int
    message_max_documents: int
    voice: VoiceView
    models_beside: Sequence[str] = ()
    folder: FolderHead | None = None
    goal: Goal | None = None
    keeping: KeepingView | None = None
    is_temporary: bool = False
    pictures: Sequence[PictureChoice] = ()
    max_pictures: int = MAX_PICTURES
    max_seed: int = MAX_SEED
    accepted_files: str = ",".join(READABLE_NAMES)
    word_names: str = " ".join(NAMES)

    @property
    def words(self) -> Sequence[Word]:
        return [word for word in WORDS if word.usage != DRAW or self.pictures]

    @property
    def messages(self) -> Sequence[MessageView]:
        """All messages that are shown."""
        return [*self.shown.messages, *self.shown.columns]

    @property
    def picked(self) -> Sequence[str]:
        """All that are asked, by their ids."""
        return [self.selected_model, *self.models_beside]

    @property
    def picked_names(self) -> str:
        names = {model.id: model.name for model in self.models} | {preset.id: preset.name for preset in self.presets}
        return ", ".join(names[chosen] for chosen in self.picked)

    @property
    def preset(self) -> PresetChoice | None:
        """The preset that is selected."""
        return next((preset for preset in self.presets if preset.id == self.selected_model), None)
