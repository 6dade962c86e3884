"""What the pages of shared chats are given: the owner's dialog and list, and what readers see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webui.chats.models import ShareGrant, ShareLink
from webui.chats.shared_chats import SharedCitation, SharedImage, SharedMessage
from webui.chats.views.answer_words import merged_words
from webui.chats.views.citation_views import citation_view
from webui.chats.views.contexts import CitationView, ImageView
from webui.chats.views.fragments import picture_file_name
from webui.chats.views.heads import chat_title, chat_url
from webui.rendering import is_long, render_markdown, render_plain
from webui.speech.contexts import VoiceView

# ---- for the owner -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """Who may read; name and detail of an Audience."""

    uuid: str
    name: str
    detail: str

    dom_noun = "grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """A chat's link.

    Attributes:
        url: Whole, to be copied.
        snapshot_at: When what it shows was kept; None while it shows the chat as it is.
    """

    url: str
    snapshot_at: datetime | None
    has_files: bool
    is_public: bool
    grants: Sequence[GrantRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePage:
    """The dialog. `link` is None until the chat has one."""

    chat_uuid: str
    title: str
    chat_url: str
    link: LinkView | None
    allows_public: bool
    sidebar: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRow:
    """A chat in the list of those that are shared. `readers` says who may read it."""

    chat_uuid: str
    title: str
    url: str
    readers: str
    is_live: bool
    created_at: datetime

    dom_noun = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedList:
    rows: Sequence[SharedRow]
    sidebar: None = None


def link_view(link: ShareLink, url: str) -> LinkView:
    """Reads the grants with their people and groups."""
    grants = link.grants.select_related("user", "group")
    return LinkView(
        url=url,
        snapshot_at=link.snapshot_at,
        has_files=link.has_files,
        is_public=link.is_public,
        grants=[_grant_row(grant) for grant in grants],
    )


def shared_row(link: ShareLink, *, allows_public: bool) -> SharedRow:
    """Reads the chat and the grants of a link; no query if these are selected."""
    return SharedRow(
        chat_uuid=str(link.chat.uuid),
        title=chat_title(link.chat),
        url=chat_url(link.chat),
        readers=_readers(link, allows_public=allows_public),
        is_live=link.snapshot_at is None,
        created_at=link.created_at,
    )


def _grant_row(grant: ShareGrant) -> GrantRow:
    return GrantRow(uuid=str(grant.uuid), name=grant.audience.name, detail=grant.audience.detail)


N_NAMED = 3


def _readers(link: ShareLink, *, allows_public: bool) -> str:
    if link.is_public and allows_public:
        return _("Everybody who has the address")
    names = [grant.audience.name for grant in link.grants.all()]
    if not names:
        return _("Only you")
    n_more = len(names) - N_NAMED
    if n_more <= 0:
        return ", ".join(names)
    named = {"names": ", ".join(names[:N_NAMED]), "n": n_more}
    return ngettext("%(names)s and %(n)s more", "%(names)s and %(n)s more", n_more) % named


# ---- for readers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFileView:
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedMessageView:
    """One message.

    Attributes:
        place: Among those that the link shows, from 0.
        files: Those that can be fetched.
        preview_url: Of the first block among its code; empty on questions and while it is written.
    """

    place: int
    role: Literal["user", "assistant"]
    text: str
    html: SafeString
    model_name: str
    merged_words: str
    is_unfinished: bool
    citations: Sequence[CitationView]
    files: Sequence[SharedFileView]
    images: Sequence[ImageView]
    preview_url: str = ""

    @property
    def is_long(self) -> bool:
        return self.role == "user" and is_long(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPage:
    """What a link shows.

    Attributes:
        layout: The template that it stands in: with the sidebar for members.
        owner_name: Empty when the reader is not to know it.
        columns: Answers side by side at its end.
        digest: Of what is shown, to ask whether it has changed.
        as_of: When it was kept; None when it is the chat as it is.
        is_own: The reader is its owner.
        may_copy: The reader has an account to go on in.
        voice: How answers are read to the reader.
    """

    layout: str
    uuid: str
    title: str
    owner_name: str
    messages: Sequence[SharedMessageView]
    columns: Sequence[SharedMessageView]
    digest: str
    as_of: datetime | None
    is_own: bool
    may_copy: bool
    voice: VoiceView
    chat_url: str = ""
    sidebar: None = None


def shared_message_views(
    link: ShareLink, messages: Iterable[SharedMessage], readable: Collection[str], *, first_place: int = 0
) -> list[SharedMessageView]:
    """Return the messages as a reader may see them.

    Args:
        readable: Those of the cited documents that they may read themselves.
        first_place: Where the first of them stands among all that the link shows.
    """
    return [_message_view(link, place, message, readable) for place, message in enumerate(messages, first_place)]


def _message_view(link: ShareLink, place: int, message: SharedMessage, readable: Collection[str]) -> SharedMessageView:
    is_question = message.role == "user"
    numbers = [citation.number for citation in message.citations]
    block = [] if is_question or message.is_unfinished else [link.uuid, place, 0]
    return SharedMessageView(
        place=place,
        role=message.role,
        text=message.text,
        html=render_plain(message.text) if is_question else render_markdown(message.text, citations=numbers),
        model_name=message.model_name,
        merged_words=merged_words(message.merged_from),
        is_unfinished=message.is_unfinished,
        citations=[_citation_view(citation, readable) for citation in message.citations],
        files=[
            SharedFileView(name=file.name, url=reverse("chats:shared_file", args=[link.uuid, file.uuid]))
            for file in message.files
            if link.has_files
        ],
        images=[_image_view(link, image) for image in message.images],
        preview_url=reverse("chats:shared_block", args=block) if block else "",
    )


def _image_view(link: ShareLink, image: SharedImage) -> ImageView:
    return ImageView(
        uuid=image.uuid,
        name=image.name,
        file_name=picture_file_name(image.name, image.media_type),
        url=reverse("chats:shared_image", args=[link.uuid, image.uuid]),
        preview_url=reverse("chats:shared_preview", args=[link.uuid, image.uuid]),
        width=image.width,
        height=image.height,
    )


def _citation_view(citation: SharedCitation, readable: Collection[str]) -> CitationView:
    may_read = citation.document in readable
    if may_read or citation.is_of_own_document:
        return citation_view(citation, document=citation.document if may_read else None)
    return CitationView(number=citation.number, document_name="", place="", short_place="", text="", url="")
