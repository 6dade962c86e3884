"""What can go wrong in a chat.

ChatError                  a request that is refused; nothing was stored
├── MalformedEvent         the socket got something that is no event of ours
├── NotFound               no such chat, message, document or generation, or not this person's
├── MessageEmpty
├── MessageTooLong
├── WrongRole              edits are for people's messages, regenerations for answers
├── NothingToMerge         fewer than two answers with words
├── AnswerRunning          the chat's answer is still being written
├── ModelUnknown           no connection offers that model now
├── ModelCannotChat        an embedder
├── ModelCannotSee         it was to look at pictures
├── ModelCannotMerge       it only quotes documents
├── ModelUnreachable       its connection does not answer now
├── PicturesUnavailable    nothing makes pictures, or not for this person
├── PresetGone             deleted, or not shared with this person any more
├── PresetWithoutModel     the model that it answers with is not available now
├── MessageAboveDeleted    what is to come back has no place: what it stood below is gone
├── TitleEmpty
├── FolderNameRefused      nothing but spaces, or too long
├── TooManyFolders
├── FolderFull             of documents and knowledge
├── SystemPromptTooLong
├── TagNameRefused         nothing but spaces, or too long
├── TagTaken               another tag has that name
├── TooManyTags
├── TooManyTagsOfChat
├── TooManyPinned
├── ImportRunning          one file is imported after the other
└── WordRefused            `/set` or `/show` with something wrong after it

What stops an answer once it has begun stands at the end; `failures` names all of that for the database.
`wording` has the sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FAILED_ELSEWHERE: Final = "failed_elsewhere"
"""What an imported answer failed with, of which nothing more is known here."""
Facts = Mapping[str, str | int | float]


class ChatError(Exception):
    """Base of all errors here. `code` names the sentence in `wording.REFUSALS`; `facts` fill it."""

    code = "refused"

    @property
    def facts(self) -> Facts:
        return {}


class MalformedEvent(ChatError):
    code = "malformed"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NotFound(ChatError):
    code = "not_found"


class MessageEmpty(ChatError):
    code = "message_empty"


class MessageAboveDeleted(ChatError):
    code = "message_above_deleted"


class MessageTooLong(ChatError):
    code = "message_too_long"

    def __init__(self, n_chars: int, limit: int) -> None:
        super().__init__(n_chars, limit)
        self.n_chars = n_chars
        self.limit = limit

    @property
    def facts(self) -> Facts:
        return {"n_chars": self.n_chars, "limit": self.limit}


class WrongRole(ChatError):
    code = "wrong_role"


class NothingToMerge(ChatError):
    code = "nothing_to_merge"


class AnswerRunning(ChatError):
    code = "answer_running"


class ModelUnknown(ChatError):
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    @property
    def facts(self) -> Facts:
        return {"model": self.model}


class ModelCannotChat(ModelUnknown):
    code = "model_cannot_chat"


class ModelCannotSee(ModelUnknown):
    code = "model_cannot_see"


class PicturesUnavailable(ChatError):
    code = "pictures_unavailable"


class ModelCannotMerge(ModelUnknown):
    code = "model_cannot_merge"


class PresetGone(ChatError):
    code = "preset_gone"


class PresetWithoutModel(ChatError):
    code = "preset_without_model"

    def __init__(self, preset: str, model: str) -> None:
        super().__init__(preset, model)
        self.preset = preset
        self.model = model

    @property
    def facts(self) -> Facts:
        return {"preset": self.preset, "model": self.model}


class TitleEmpty(ChatError):
    code = "title_empty"


class _Limited(Exception):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    @property
    def facts(self) -> Facts:
        return {"limit": self.limit}


class FolderNameRefused(_Limited, ChatError):
    code = "folder_name"


class TooManyFolders(_Limited, ChatError):
    code = "too_many_folders"


class FolderFull(_Limited, ChatError):
    code = "folder_full"


class SystemPromptTooLong(MessageTooLong):
    code = "system_prompt_too_long"


class TagNameRefused(_Limited, ChatError):
    code = "tag_name"


class TagTaken(ChatError):
    code = "tag_taken"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @property
    def facts(self) -> Facts:
        return {"name": self.name}


class TooManyTags(_Limited, ChatError):
    code = "too_many_tags"


class TooManyTagsOfChat(_Limited, ChatError):
    code = "too_many_tags_of_chat"


class TooManyPinned(_Limited, ChatError):
    code = "too_many_pinned"


class ImportRunning(ChatError):
    code = "import_running"


class WordRefused(ChatError):
    """`code` says what is wrong; the facts are what its sentence needs."""

    def __init__(self, code: str, **facts: str | int | float) -> None:
        super().__init__(code)
        self.code = code
        self._facts = facts

    @property
    def facts(self) -> Facts:
        return self._facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a generation failed, as it is stored."""

    code: str
    facts: dict[str, str | int | float]


class ModelUnreachable(ChatError):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure
        self.code = failure.code


class DocumentsUnreadable(Exception):
    """A document sent with the question could not be read, so the question cannot be answered from it.

    Attributes:
        problem: What is wrong with it, as `rag.types.Problem` names it; empty when that is not known.
    """

    def __init__(self, name: str, problem: str = "") -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem


class DocumentsLate(Exception):
    """A document sent with the question was not ready in time."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class RetrievalFailed(Exception):
    """The passages could not be looked up; the cause says why."""


class DraftsTooLong(Exception):
    """The answers that one is to be made of do not fit into the model's context window. Both in tokens."""

    def __init__(self, n_tokens: int, window: int) -> None:
        super().__init__(n_tokens, window)
        self.n_tokens = n_tokens
        self.window = window


class AnswerEmpty(Exception):
    """The model ended without a word."""


class AnswerTooLong(Exception):
    """The model does not come to an end."""
