"""Changes to tags, and putting them on chats."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from webui.accounts.models import User
from webui.chats import access
from webui.chats.conf import MAX_TAGS, MAX_TAGS_OF_CHAT
from webui.chats.errors import TagNameRefused, TagTaken, TooManyTags, TooManyTagsOfChat
from webui.chats.models import TAG_NAME_MAX_LENGTH, Chat, Tag, tag_key


@transaction.atomic
def tag_chat(user: User, chat_uuid: UUID | str, name: str) -> Chat:
    """Put a tag on a chat; one of that name is made where the person has none.

    Raises:
        TagNameRefused: Nothing but spaces, or too long.
        TooManyTags: The person has as many as there may be.
        TooManyTagsOfChat
    """
    chat = access.chat_write(user, chat_uuid)
    add_tags(chat, tags_named(user, [name]))
    return chat


def add_tags(chat: Chat, tags: Iterable[Tag]) -> None:
    """Put tags on a chat that was itself got through `access`. Raises TooManyTagsOfChat; needs a transaction."""
    chat.tags.add(*tags)
    if chat.tags.count() > MAX_TAGS_OF_CHAT:
        raise TooManyTagsOfChat(MAX_TAGS_OF_CHAT)


@transaction.atomic
def tags_named(owner: User, names: Iterable[str]) -> list[Tag]:
    """Return a person's tags of these names, making those that are not there, without regard to case.

    Raises:
        TagNameRefused
        TooManyTags
    """
    wanted = {tag_key(words): words for words in map(_name, names)}
    found = {tag.key: tag for tag in Tag.objects.filter(owner=owner, key__in=wanted)}
    missing = [Tag(owner=owner, name=words, key=key) for key, words in wanted.items() if key not in found]
    if missing and Tag.objects.filter(owner=owner).count() + len(missing) > MAX_TAGS:
        raise TooManyTags(MAX_TAGS)
    # Of two pages that make the same tag at once, both get it.
    Tag.objects.bulk_create(missing, ignore_conflicts=True)
    return list(Tag.objects.filter(owner=owner, key__in=wanted))


@transaction.atomic
def rename_tag(user: User, uuid: UUID | str, name: str) -> Tag:
    """Give a tag another name, on all chats that have it.

    Raises:
        TagNameRefused
        TagTaken: Another tag of the person has it.
    """
    words = _name(name)
    tag = access.tag_write(user, uuid)
    if Tag.objects.filter(owner=user, key=tag_key(words)).exclude(pk=tag.pk).exists():
        raise TagTaken(words)
    tag.name, tag.key = words, tag_key(words)
    tag.save(update_fields=["name", "key"])
    return tag


@transaction.atomic
def delete_tag(user: User, uuid: UUID | str) -> Tag:
    """Remove a tag for good, from all chats that have it; the chats stay."""
    tag = access.tag_write(user, uuid)
    tag.delete()
    return tag


def _name(name: str) -> str:
    words = " ".join(name.split())
    if not words or len(words) > TAG_NAME_MAX_LENGTH:
        raise TagNameRefused(TAG_NAME_MAX_LENGTH)
    return words
