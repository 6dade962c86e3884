"""The events of the chat socket: a closed set, each a JSON object with a `type`.

Names are `noun.past_participle`. Ids are UUID strings. HTML is rendered and sanitised here, on the server.
Every event of a generation carries its sequence number `seq`, rising by one; a client that missed
something sends `chat.opened` with the last one it has seen.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

# ---- from the page -------------------------------------------------------------------------------


class ChatOpened(TypedDict):
    """The page shows this chat, with the message `last` at its end (None: it is empty).

    `seen` maps running generations to the last seq the page holds.
    """

    type: Literal["chat.opened"]
    chat: str
    last: NotRequired[str | None]
    seen: NotRequired[dict[str, int]]


class ChatClosed(TypedDict):
    type: Literal["chat.closed"]
    chat: str


class Wished(TypedDict, total=False):
    """What a picture is to be like; a `wishes.PictureWish`."""

    connection: str
    size: str
    count: int
    seed: int | None
    negative_prompt: str


class MessageSent(TypedDict):
    """`ref` is made by the page and comes back in the reply. Without `chat`, one is created, in `folder` if given.

    `model` answers, and each one `beside` it gives an answer of its own; the chat remembers them. With `to`, that model
    or preset alone answers this time; with `to` being "pictures" a picture is made of the content, as `picture` wishes.
    """

    type: Literal["message.sent"]
    ref: str
    content: str
    model: str
    beside: NotRequired[list[str]]
    to: NotRequired[str]
    chat: NotRequired[str]
    folder: NotRequired[str]
    documents: NotRequired[list[str]]
    knowledge: NotRequired[list[str]]
    images: NotRequired[list[str]]
    picture: NotRequired[Wished]


class MessageEdited(TypedDict):
    """Asks again with another text: a sibling of the person's message `message`."""

    type: Literal["message.edited"]
    ref: str
    chat: str
    message: str
    content: str
    model: str
    beside: NotRequired[list[str]]
    to: NotRequired[str]


class AnswerRequested(TypedDict):
    """Regenerates: a sibling of the answer `message`."""

    type: Literal["answer.requested"]
    ref: str
    chat: str
    message: str
    model: str
    beside: NotRequired[list[str]]
    to: NotRequired[str]


class MergeRequested(TypedDict):
    """Asks for one answer made of several to the same question: a sibling of the answers `answers`."""

    type: Literal["merge.requested"]
    ref: str
    chat: str
    answers: list[str]
    model: str
    beside: NotRequired[list[str]]
    to: NotRequired[str]


class StopRequested(TypedDict):
    type: Literal["stop.requested"]
    chat: str
    generation: str


ClientEvent = ChatOpened | ChatClosed | MessageSent | MessageEdited | AnswerRequested | MergeRequested | StopRequested

# ---- to the page ---------------------------------------------------------------------------------


class BranchChanged(TypedDict):
    """The shown branch has new messages from `after` on (None: from the start).

    `html` holds the rendered messages, the running answer among them (its blocks follow as events).
    `url` is the chat's page.
    """

    type: Literal["branch.changed"]
    chat: str
    url: str
    after: str | None
    html: str
    ref: NotRequired[str]


class BranchOutdated(TypedDict):
    """The shown branch does not end where a page that opened the chat thinks: it was loaded before the last change."""

    type: Literal["branch.outdated"]
    chat: str


class GenerationProgressed(TypedDict):
    """No text yet: `text` is a sentence such as "Loading tiny, 12 s"."""

    type: Literal["generation.progressed"]
    chat: str
    generation: str
    message: str
    seq: int
    text: str


class BlockFinished(TypedDict):
    """A block that will not change any more; goes before the tail, which is emptied."""

    type: Literal["block.finished"]
    chat: str
    generation: str
    message: str
    seq: int
    html: str


class TailChanged(TypedDict):
    """The open end of the answer, rendered anew; replaces the tail before.

    Rendering drops the white space that the text ends in; `space` keeps it for the words that are added next.
    """

    type: Literal["tail.changed"]
    chat: str
    generation: str
    message: str
    seq: int
    html: str
    space: str


class TextAdded(TypedDict):
    """Plain text to append to the tail until it is rendered again."""

    type: Literal["text.added"]
    chat: str
    generation: str
    message: str
    seq: int
    text: str


class AnswerReset(TypedDict):
    """The whole answer so far: sent when the page's last seq is too old or unknown."""

    type: Literal["answer.reset"]
    chat: str
    generation: str
    message: str
    seq: int
    blocks: list[str]
    tail: str


class GenerationEnded(TypedDict):
    """The answer is stored. `html` is the whole message, its final state in it; replaces the message."""

    type: Literal["generation.ended"]
    chat: str
    generation: str
    message: str
    seq: int
    state: Literal["finished", "stopped", "failed", "interrupted"]
    html: str


class FollowUpsSuggested(TypedDict):
    """Questions to go on with after an answer that has ended. `html` goes below the message."""

    type: Literal["follow_ups.suggested"]
    chat: str
    message: str
    html: str


class ChatRenamed(TypedDict):
    type: Literal["chat.renamed"]
    chat: str
    title: str


class ChatMovedUp(TypedDict):
    """The chat is the person's newest one. `html` is its row of the list, `label` the heading it belongs under.

    A pinned one stays among the pinned ones.
    """

    type: Literal["chat.moved_up"]
    chat: str
    label: str
    pinned: bool
    html: str


class ChatMoved(TypedDict):
    """The chat is in another folder, or in none. `html` is the way from the chat to its folder, for its page."""

    type: Literal["chat.moved"]
    chat: str
    folder: str | None
    html: str


class FolderChanged(TypedDict):
    """The chat is the newest one of its folder. `html` is the folder's row with the chats under it."""

    type: Literal["folder.changed"]
    chat: str
    title: str
    folder: str
    html: str


class SidebarChanged(TypedDict):
    """`html` is the person's folders and newest chats, to replace the first page of the list."""

    type: Literal["sidebar.changed"]
    html: str


class ChatsChanged(TypedDict):
    """Chats were archived or restored, tagged, moved, deleted or brought back: what a page shows of that is old.

    None: it can be any of them.
    """

    type: Literal["chats.changed"]
    chats: list[str] | None


class RequestRefused(TypedDict):
    """What the page asked for was not done; nothing was stored. `text` is a sentence for the person."""

    type: Literal["request.refused"]
    code: str
    text: str
    ref: NotRequired[str]


ServerEvent = (
    BranchChanged
    | BranchOutdated
    | GenerationProgressed
    | BlockFinished
    | TailChanged
    | TextAdded
    | AnswerReset
    | GenerationEnded
    | FollowUpsSuggested
    | ChatRenamed
    | ChatMovedUp
    | ChatMoved
    | FolderChanged
    | SidebarChanged
    | ChatsChanged
    | RequestRefused
)
