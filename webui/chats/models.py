"""Chats: a tree of messages, the generations that fill answers, what people think of those, and who else may read."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.accounts.grants import Grant

TITLE_MAX_LENGTH = 200
REF_MAX_LENGTH = 64
FOLDER_NAME_MAX_LENGTH = 100
TAG_NAME_MAX_LENGTH = 50
COMMENT_MAX_LENGTH = 1000


class Folder(models.Model):
    """Chats of one owner that belong together: each of their questions gets what the folder adds."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_folders")
    name = models.CharField(max_length=FOLDER_NAME_MAX_LENGTH)
    system_prompt = models.TextField(blank=True)
    documents = models.ManyToManyField("rag.Document", blank=True, related_name="+")
    knowledge = models.ManyToManyField("rag.Knowledge", blank=True, related_name="+")
    # Whether the sidebar shows its chats.
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Set by delete, cleared by undo; purged for good after the undo window.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # visible_folders(): all folders of one person.
            models.Index(fields=["owner"], condition=models.Q(deleted_at=None), name="chats_folder_sidebar"),
        ]

    def __str__(self) -> str:
        return self.name


def tag_key(name: str) -> str:
    """Return what two names of one tag have in common."""
    return name.casefold()


class Tag(models.Model):
    """A word that one person puts on chats, to find those that have it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=TAG_NAME_MAX_LENGTH)
    # `tag_key` of the name: two tags of a person differ in more than case, whatever the database knows of letters.
    # Some letters are three in it.
    key = models.CharField(max_length=3 * TAG_NAME_MAX_LENGTH, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="chats_tag_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Chat(models.Model):
    """A titled conversation of one owner; holds a tree of messages.

    One that is deleted is seen by nobody, one that is archived or temporary stands in no list of chats. See `queries`.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chats")
    # Never a deleted one while the chat can be seen.
    folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="chats")
    # The folder that was deleted and left the chat behind: undo brings it back into it.
    left_folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    tags = models.ManyToManyField(Tag, blank=True, related_name="chats")
    title = models.CharField(max_length=TITLE_MAX_LENGTH, blank=True)
    # False once a person has named the chat: automatic titles leave it alone.
    has_automatic_title = models.BooleanField(default=True)
    # The model last asked, or the id of a preset (`presets.ids`); preselected when the chat is opened.
    model = models.CharField(max_length=255, blank=True)
    # What is said for this chat alone; options by the names of `presets.options`. What is not in here is not sent.
    system_prompt = models.TextField(blank=True)
    options = models.JSONField(default=dict, blank=True)
    # Ids of those that were asked beside it, in their order.
    beside = models.JSONField(default=list, blank=True)
    # The leaf of the branch being shown.
    current_message = models.ForeignKey("Message", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # Whether the leaf is shown beside the other answers to its question: nobody has chosen yet which one continues.
    is_side_by_side = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    # When the newest message came; orders the sidebar.
    updated_at = models.DateTimeField(default=timezone.now)
    # Stands first in the sidebar, whichever folder it is in.
    is_pinned = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    # Set by delete, cleared by undo; purged for good after the undo window.
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Of a temporary chat: when it goes for good, unless the page that shows it puts that off; None of all others.
    temporary_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # visible_chats(): the newest of one person's chats.
            models.Index(
                fields=["owner", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at=None, temporary_until=None),
                name="chats_chat_newest",
            ),
            # chat_page(): keyset pages of a folder's chats, or of those in none, newest first.
            models.Index(
                fields=["owner", "folder", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at=None, temporary_until=None),
                name="chats_chat_sidebar",
            ),
            # pinned_chats(): all of one person's.
            models.Index(
                fields=["owner"],
                condition=models.Q(is_pinned=True, deleted_at=None, archived_at=None, temporary_until=None),
                name="chats_chat_pinned",
            ),
            # archived_chats() and deleted_chats(): keyset pages, the last one first.
            models.Index(
                fields=["owner", "-archived_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at__isnull=False),
                name="chats_chat_archived",
            ),
            models.Index(
                fields=["owner", "-deleted_at", "-id"],
                condition=models.Q(deleted_at__isnull=False),
                name="chats_chat_deleted",
            ),
            # Upkeep looks for those that are over.
            models.Index(
                fields=["temporary_until"],
                condition=models.Q(temporary_until__isnull=False),
                name="chats_chat_temporary",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_temporary(self) -> bool:
        return self.temporary_until is not None


class PresentMessages(models.Manager["Message"]):
    """Messages that are not deleted: all that anybody looks for."""

    def get_queryset(self) -> models.QuerySet[Message]:
        return super().get_queryset().filter(removal=None)


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
    # Catalog id of the model that answered, empty for people's messages.
    model = models.CharField(max_length=255, blank=True)
    # How the preset was called that answered with it; empty without one.
    preset_name = models.CharField(max_length=100, blank=True)
    # As who it was asked: the same catalog id, or the id of that preset.
    answerer = models.CharField(max_length=255, blank=True)
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
    def its_generation(self) -> Generation | None:
        """None for people's messages and imported answers. Reads `generation`; one query if not selected."""
        return getattr(self, "generation", None) if self.is_answer else None

    @property
    def is_unfinished(self) -> bool:
        """Whether an answer is being written into it. Reads `generation`; one query if not selected."""
        generation = self.its_generation
        return generation is not None and generation.is_active


class Upload(models.Model):
    """A file that came into a chat: it goes with the last chat that asks it, unless it is put anywhere else."""

    document = models.OneToOneField("rag.Document", on_delete=models.CASCADE, related_name="+", primary_key=True)
    # The temporary chat that it was uploaded in, whether it was asked there or not.
    temporary_chat = models.ForeignKey(Chat, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads")

    def __str__(self) -> str:
        return f"upload of document {self.document_id}"


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


class Generation(models.Model):
    """One run that fills one assistant message."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Answering")
        FINISHED = "finished", _("Finished")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")
        INTERRUPTED = "interrupted", _("Interrupted")

    ACTIVE_STATES = (State.QUEUED, State.RUNNING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="generation")
    # Who asked for it, and the page's name for that request: sent again after a break, it is not done twice.
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ref = models.CharField(max_length=REF_MAX_LENGTH, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    # A code of chats/errors.py with the facts its sentence needs; the sentence is made where it is shown.
    error_code = models.CharField(max_length=40, blank=True)
    error_facts = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Renewed about once a second by the process that runs it; an old one belongs to a process that died.
    heartbeat_at = models.DateTimeField(default=timezone.now)
    first_delta_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    answer_tokens = models.PositiveIntegerField(null=True, blank=True)
    # Of the prompt, what the model had read before; only our own server says so.
    cached_tokens = models.PositiveIntegerField(null=True, blank=True)
    # Upstream's durations in seconds, as inference.types.Usage names them, and `thinking_s`, measured here.
    timings = models.JSONField(default=dict, blank=True)
    # What was sent to the model: messages, passages, what was left out and why.
    ledger = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "finished", "stopped", "failed", "interrupted"]),
                name="chats_generation_state_known",
            ),
            models.UniqueConstraint(
                fields=["asked_by", "ref"], condition=~models.Q(ref=""), name="chats_generation_asked_once"
            ),
        ]
        indexes = [
            # Start-up marks what a crash left active; stop looks for what runs in a chat.
            models.Index(
                fields=["state"], condition=models.Q(state__in=["queued", "running"]), name="chats_generation_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} generation {self.uuid}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE_STATES

    @property
    def has_ledger(self) -> bool:
        """Whether something was sent to a model for it, and is on record."""
        return "sent" in self.ledger

    @property
    def has_retrieval(self) -> bool:
        """Whether documents were searched for it; what was found out is `ledger["retrieval"]`, a trace."""
        return "retrieval" in self.ledger


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


class ImageManager(models.Manager["Image"]):
    """Leaves the pixels where they are, until somebody asks for them."""

    def get_queryset(self) -> models.QuerySet[Image]:
        return super().get_queryset().defer("content", "preview")


class Image(models.Model):
    """A picture that goes with a question: drawn anew, so that of the file that was sent only its pixels are kept.

    It lies in the database, so that it is gone with its message for certain, whichever way that goes.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # None while it waits in a composer.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, blank=True, related_name="images")
    # As the file was called, for people's eyes only.
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


class GoodReason(models.TextChoices):
    CORRECT = "correct", _("Correct")
    COMPLETE = "complete", _("Complete")
    CLEAR = "clear", _("Easy to follow")
    SUPPORTED = "supported", _("Well supported")


class BadReason(models.TextChoices):
    WRONG = "wrong", _("Not correct")
    INVENTED = "invented", _("Made up")
    BESIDE_THE_QUESTION = "beside_the_question", _("Beside the question")
    INCOMPLETE = "incomplete", _("Something is missing")
    LONG = "long", _("Too long")
    FORM = "form", _("Wrong language or form")
    HARMFUL = "harmful", _("Harmful")


class Rating(models.Model):
    """What somebody thinks of an answer. It goes with the answer, and leaves this server only as an export."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="ratings")
    rated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    is_good = models.BooleanField()
    # Of GoodReason or BadReason, as `is_good` says.
    reasons = models.JSONField(default=list, blank=True)
    comment = models.CharField(max_length=COMMENT_MAX_LENGTH, blank=True)
    rated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "rated_by"], name="chats_rating_one_per_person"),
        ]

    def __str__(self) -> str:
        return f"{'good' if self.is_good else 'bad'} rating of message {self.message_id}"


class ShareLink(models.Model):
    """The address at which others read a chat: as it stood once, or as it is."""

    # Part of the address: whoever is not among its readers learns nothing from it.
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    chat = models.OneToOneField(Chat, on_delete=models.CASCADE, related_name="share_link")
    # Whether everybody who has the address may read, also without an account.
    is_public = models.BooleanField(default=False)
    # Whether the owner's own files that go with the questions can be fetched too.
    has_files = models.BooleanField(default=False)
    # `shared_chats.SharedChat` as JSON; None when the chat is shown as it is.
    snapshot = models.JSONField(null=True, blank=True)
    snapshot_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"link to chat {self.chat_id}"

    @property
    def is_live(self) -> bool:
        return self.snapshot is None


class ShareGrant(Grant):
    """That somebody may read what a link shows: one person, a group, or with neither everybody who may sign in."""

    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="grants")

    class Meta(Grant.Meta):
        constraints = [
            *Grant.Meta.constraints,
            models.UniqueConstraint(
                fields=["link", "user"], condition=models.Q(user__isnull=False), name="chats_share_once_a_person"
            ),
            models.UniqueConstraint(
                fields=["link", "group"], condition=models.Q(group__isnull=False), name="chats_share_once_a_group"
            ),
            models.UniqueConstraint(
                fields=["link"], condition=models.Q(user=None, group=None), name="chats_share_once_to_everybody"
            ),
        ]


CHAT_IMPORTS_FOLDER = "chat-imports"
IMPORTED_NAME_MAX_LENGTH = 255


def stored_import_name(begun: ChatImport, filename: str) -> str:
    return f"{CHAT_IMPORTS_FOLDER}/{begun.uuid.hex}"


class ChatImport(models.Model):
    """A file that chats are taken from, one after another, and how far that is."""

    class State(models.TextChoices):
        RUNNING = "running", _("Being imported")
        DONE = "done", _("Imported")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_imports")
    name = models.CharField(max_length=IMPORTED_NAME_MAX_LENGTH)
    # Empty when it has come to its end.
    file = models.FileField(upload_to=stored_import_name, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    # A `rag.types.Problem`.
    error = models.CharField(max_length=40, blank=True)
    # Of the lists of chats, unpacked; and behind which chat reading goes on, as `transfer.sources.Cursor` says it.
    n_bytes = models.PositiveBigIntegerField()
    member = models.PositiveIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)
    is_in_array = models.BooleanField(default=False)
    n_bytes_done = models.PositiveBigIntegerField(default=0)
    n_taken = models.PositiveIntegerField(default=0)
    n_known = models.PositiveIntegerField(default=0)
    n_refused = models.PositiveIntegerField(default=0)
    # How many pieces of work have begun with the chat that is next.
    n_attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # Files are gone on with in turn.
    worked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "done", "stopped", "failed"]), name="chats_import_state_known"
            ),
            models.UniqueConstraint(
                fields=["owner"], condition=models.Q(state="running"), name="chats_import_one_at_a_time"
            ),
        ]
        indexes = [
            # The loop looks for what is to be gone on with.
            models.Index(fields=["worked_at"], condition=models.Q(state="running"), name="chats_import_running"),
            # The person's page: the newest ones.
            models.Index(fields=["owner", "-created_at", "-id"], name="chats_import_newest"),
        ]

    def __str__(self) -> str:
        return f"import {self.uuid}"

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def n_chats(self) -> int:
        return self.n_taken + self.n_known + self.n_refused


class ImportedChat(models.Model):
    """What became of one chat of a file. Stored together with the chat itself."""

    class Outcome(models.TextChoices):
        TAKEN = "taken", _("New")
        # Its owner had it already.
        KNOWN = "known", _("Known")

    source = models.ForeignKey(ChatImport, on_delete=models.CASCADE, related_name="imported")
    position = models.PositiveIntegerField()
    title = models.CharField(max_length=TITLE_MAX_LENGTH, blank=True)
    chat = models.ForeignKey(Chat, on_delete=models.SET_NULL, null=True, related_name="+")
    # Empty when it was not taken; `notes` says why.
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    # How often each `transfer.shapes.Note` was met.
    notes = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["source", "position"]
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="chats_imported_chat_once")]

    def __str__(self) -> str:
        return f"chat {self.position} of import {self.source_id}"
