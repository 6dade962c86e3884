"""People, and groups of them."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.accounts.audit_events import Event
from webui.ui.themes import Theme

NAME_MAX_LENGTH = 400
DETAIL_MAX_LENGTH = 500


class Role(models.TextChoices):
    PENDING = "pending", _("Pending")
    USER = "user", _("User")
    ADMIN = "admin", _("Administrator")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """A person who signs in with an e-mail address.

    Django's superuser flags are not used: `role` alone says what a person may do.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.PENDING)
    # False while an administrator has suspended this person.
    is_active = models.BooleanField(default=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    # A `webui.ui.themes.Theme`, on all devices; empty until one is chosen.
    theme = models.CharField(max_length=10, choices=Theme.choices, blank=True)
    # For all their questions, unless a preset or a chat says otherwise; options by the names of `presets.options`.
    system_prompt = models.TextField(_("system prompt"), blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)
    # What a model is asked for after an answer, unasked.
    wants_titles = models.BooleanField(_("titles for chats"), default=True)
    wants_follow_ups = models.BooleanField(_("questions to go on with"), default=True)
    wants_tags = models.BooleanField(_("tags for chats"), default=False)
    # A chat that is left with the word /bye goes into the archive.
    archives_left_chats = models.BooleanField(_("archive a chat that is left with /bye"), default=False)
    # How answers are read aloud, in which of the voices that are offered, and whether by themselves.
    voice = models.CharField(_("voice"), max_length=100, blank=True)
    voice_speed = models.FloatField(_("speed"), default=1.0)
    reads_aloud = models.BooleanField(_("read answers aloud"), default=False)
    # What was dictated is sent after a silence.
    sends_dictation = models.BooleanField(_("send what was dictated"), default=False)
    # Whether one character alone, such as ?, does something where nothing is written.
    uses_single_keys = models.BooleanField(_("shortcuts of a single key"), default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="accounts_user_role_known"),
        ]
        indexes = [
            # people(): keyset pages, the newest first.
            models.Index(fields=["-date_joined", "-id"], name="accounts_user_newest"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_pending(self) -> bool:
        return self.role == Role.PENDING

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN and self.is_active

    @property
    def may_chat(self) -> bool:
        """Whether this person may use anything beyond the waiting page."""
        return self.is_active and self.role in (Role.USER, Role.ADMIN)


class Group(models.Model):
    """People who are given rights together; administrators say who they are."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.CharField(_("description"), max_length=500, blank=True)
    members = models.ManyToManyField(User, blank=True, related_name="groups")
    # What members may do besides what everybody may; names of `permissions.Permission`.
    permissions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # Lower packages point to groups through this setting, as to people through AUTH_USER_MODEL.
        swappable = "HEARTH_GROUP_MODEL"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WithheldPermission(models.Model):
    """Something that not everybody may do. `permissions` says which names there are."""

    name = models.CharField(max_length=30, unique=True)
    changed_at = models.DateTimeField(auto_now_add=True)
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class ModelRule(models.Model):
    """What an administrator has said of one model; `model_access` decides by it, and by a setting for all others."""

    # Of `inference.types.ModelInfo`; models come and go, and what was said of one stays.
    key = models.CharField(max_length=400, unique=True)
    # True for everybody; else for those named here, and administrators.
    is_open = models.BooleanField(default=False)
    people = models.ManyToManyField(User, blank=True, related_name="+")
    groups = models.ManyToManyField(Group, blank=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.key


class ApiKey(models.Model):
    """What somebody's programs show instead of signing in. Its token is not kept, only what tells that it is right."""

    class Scope(models.TextChoices):
        ANSWERS = "answers", _("Ask models")
        EMBEDDINGS = "embeddings", _("Have texts embedded")
        MANAGEMENT = "management", _("Download, create, copy and delete models, as an administrator")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=100)
    # The beginning of the token, by which its owner knows it again.
    prefix = models.CharField(max_length=20, editable=False)
    # SHA-256 in hex. A token is 256 random bits: there is nothing to guess that a slow hash would protect.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # Names of `Scope`. Which models there are, every key may ask.
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Up to a minute old.
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class AuditRecord(models.Model):
    """Something that somebody did. It names what it tells of as text, so that it outlives that."""

    happened_at = models.DateTimeField(default=timezone.now)
    # An `audit_events.Event`; one that a later version has forgotten is shown by its name.
    event = models.CharField(max_length=40)
    # Empty for a stranger.
    actor = models.CharField(max_length=NAME_MAX_LENGTH, blank=True)
    subject = models.CharField(max_length=NAME_MAX_LENGTH, blank=True)
    detail = models.CharField(max_length=DETAIL_MAX_LENGTH, blank=True)
    # Of the network; empty for the command line.
    address = models.CharField(max_length=45, blank=True)

    class Meta:
        indexes = [
            # audit.records(): keyset pages, the newest first; audit.purge(): the oldest.
            models.Index(fields=["-happened_at", "-id"], name="accounts_audit_newest"),
            models.Index(fields=["event", "-happened_at", "-id"], name="accounts_audit_of_event"),
        ]

    def __str__(self) -> str:
        return self.event

    @property
    def label(self) -> str:
        """Return what happened, in words."""
        return str(Event(self.event).label) if self.event in Event.values else self.event


class Roster(models.Model):
    """The one row that is locked by whoever changes who is an administrator.

    With it, fifty people who sign up at once agree on who is first, and two administrators who
    remove each other at once cannot leave the site without one.
    """

    SINGLETON_ID = 1

    # Set when the first administrator exists; from then on nobody becomes one by signing up.
    setup_finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="accounts_roster_single_row"),
        ]

    def __str__(self) -> str:
        return "roster"
