"""The tree of messages, with what goes with questions and what answers rest on."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.chats.models.chats import Chat

if TYPE_CHECKING:
    from webui.chats.models.generations import Generation


PICTURES: Final = "pictures"
"""As who answers are asked that are pictures: one of the connections for them draws the words of the question."""


class PresentMessages(models.Manager["Message"]):
    """Messages that are not deleted: all that anybody looks for."""

    def get_queryset(self) -> models.QuerySet[Message]:
        return super().get_queryset().filter(removal=None)

    def create(self, **fields: Any) -> Message:
        # Without a query that finds nothing: building that takes a third as long as storing the row.
        message = self.model(**fields)
        message.save(force_insert=True, using=self.db)
        return message


class Message(models.Model):
    """One node of a chat's tree."""

    class Role(models.TextChoices):
        SYSTEM = "system", _("System")
        USER = "user", _("You")
        ASSISTANT = "assistant", _("Assistant")
        TOOL = "tool", _("Tool")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role.choices)
    content = models.TextField(blank=True)
    thinking = models.TextField(blank=True)
    # What the model thinks could be asked next, shown while the answer is the last one.
    follow_ups = models.JSONField(default=list, blank=True)
    # The answers that this one was made of, which may be gone: [{"message": uuid, "name": who gave it}].
    merged_from = models.JSONField(default=list, blank=True)
    # Catalog id of the model that answered, empty for people's messages.
    model = models.CharField(max_length=255, blank=True)
    # How the preset was called that answered with it; empty without one.
    preset_name = models.CharField(max_length=100, blank=True)
    # As who it was asked: the same catalog id, or the id of that preset.
    answerer = models.CharField(max_length=255, blank=True)
    # Of a question that pictures were asked for: a `wishes.PictureWish`; None of all others.
    picture_wish = models.JSONField(null=True, blank=True)
    documents = models.ManyToManyField("rag.Document", blank=True, related_name="+")
    knowledge = models.ManyToManyField("rag.Knowledge", blank=True, related_name="+")
    # It and what comes before it are not sent with questions below it; a system message at the root is.
    ends_context = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    # Set by delete, cleared by undo; the row goes with its removal.
    removal = models.ForeignKey("MessageRemoval", on_delete=models.CASCADE, null=True, blank=True, related_name="+")

    objects = PresentMessages()
    with_removed = models.Manager["Message"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["system", "user", "assistant", "tool"]), name="chats_message_role_known"
            ),
        ]
        indexes = [
            models.Index(fields=["chat", "id"], name="chats_message_of_chat"),
        ]

    def __str__(self) -> str:
        return f"{self.role} message {self.uuid}"

    @property
    def is_answer(self) -> bool:
        return self.role == self.Role.ASSISTANT

    @property
    def is_picture(self) -> bool:
        """Whether it is an answer that is pictures, or will be."""
        return self.is_answer and self.answerer == PICTURES

    @property
    def said_by(self) -> str:
        """Who has given an answer: a preset by its name, else the catalog id of the model."""
        return self.preset_name or self.model

    @property
    def merged_uuids(self) -> list[str]:
        """Return the ids of the answers that it was made of, so far as they are known."""
        return [one["message"] for one in self.merged_from if one["message"]]

    @property
    def its_generation(self) -> Generation | None:
        """None for people's messages and imported answers. Reads `generation`; one query if not selected."""
        return getattr(self, "generation", None) if self.is_answer else None

    @property
    def is_unfinished(self) -> bool:
        """Whether an answer is being written into it. Reads `generation`; one query if not selected."""
        generation = self.its_generation
        return generation is not None and generation.is_active


class MessageRemoval(models.Model):
    """Messages that were deleted from a chat together: undo brings them back, the end of the undo window ends them."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="removals")
    # The leaf that was shown.
    current_message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, related_name="+")
    # What stood below the deleted message and moved up to its parent.
    moved_up = models.ManyToManyField(Message, related_name="+")
    removed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # purge_removed(): those whose undo window is over.
            models.Index(fields=["removed_at"], name="chats_removal_oldest"),
        ]

    def __str__(self) -> str:
        return f"removal {self.uuid}"


class Upload(models.Model):
    """A file that came into a chat: it goes with the last chat that asks it, unless it is put anywhere else."""

    document = models.OneToOneField("rag.Document", on_delete=models.CASCADE, related_name="+", primary_key=True)
    # The temporary chat that it was uploaded in, whether it was asked there or not.
    temporary_chat = models.ForeignKey(Chat, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads")

    def __str__(self) -> str:
        return f"upload of document {self.document_id}"


class ImageManager(models.Manager["Image"]):
    """Leaves the pixels where they are, until somebody asks for them."""

    def get_queryset(self) -> models.QuerySet[Image]:
        return super().get_queryset().defer("content", "preview")


class Image(models.Model):
    """A picture that goes with a question, or is an answer.

    It was drawn anew: of the file that came only its pixels are kept. It lies in the database, so that it is gone with
    its message for certain, whichever way that goes.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # None while it waits in a composer.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="images")
    # The temporary chat that it waits in: it goes with that, sent or not.
    temporary_chat = models.ForeignKey(Chat, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    # As the file was called, or the words that it was made of; for people's eyes only.
    name = models.CharField(max_length=255)
    # image/png or image/jpeg
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    content = models.BinaryField()
    # The same small, for the chat.
    preview = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = ImageManager()

    class Meta:
        ordering = ["id"]
        indexes = [
            # purge_unsent(), and how many a person has waiting.
            models.Index(fields=["owner", "created_at"], condition=models.Q(message=None), name="chats_image_unsent"),
        ]

    def __str__(self) -> str:
        return f"image {self.uuid}"


class Citation(models.Model):
    """The link from an answer to the passage it rests on. Outlives the document it names, if that was the asker's."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="citations")
    # As written in the answer: [1], [2] ...
    number = models.PositiveIntegerField()
    document = models.ForeignKey("rag.Document", on_delete=models.SET_NULL, null=True, related_name="+")
    document_name = models.CharField(max_length=255)
    # Whether the document was the asker's own. What somebody shared is quoted only as long as it may be read.
    is_of_own_document = models.BooleanField(default=True)
    page = models.PositiveIntegerField(null=True)
    # A `rag.types.PageKind`, and the name of what has one: a sheet, or the headings above the passage.
    page_kind = models.CharField(max_length=10, default="page")
    page_name = models.CharField(max_length=200, blank=True)
    # Offsets into the document's text.
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    score = models.FloatField(null=True)

    class Meta:
        ordering = ["message", "number"]
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="chats_citation_number_unique"),
        ]

    def __str__(self) -> str:
        return f"[{self.number}] {self.document_name}"
