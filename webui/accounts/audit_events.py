"""The kinds of events in the audit log, each named once."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    """The name is stored, so it stays what it is; the label says what happened."""

    SIGNED_IN = "signed_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Failed to sign in")
    SIGNED_UP = "signed_up", _("Signed up")
    SESSIONS_ENDED = "sessions_ended", _("Signed out elsewhere")
    PASSWORD_CHANGED = "password_changed", _("Changed the password")
    PASSWORD_RESET = "password_reset", _("Gave a new password")

    KEY_CREATED = "key_created", _("Made an API key")
    KEY_REVOKED = "key_revoked", _("Revoked an API key")
    KEYS_REVOKED = "keys_revoked", _("Revoked all API keys of a person")

    PERSON_CREATED = "person_created", _("Created a person")
    LET_IN = "let_in", _("Was let in as an administrator from the server")
    ROLE_CHANGED = "role_changed", _("Changed a role")
    PERSON_SUSPENDED = "person_suspended", _("Suspended a person")
    PERSON_REINSTATED = "person_reinstated", _("Reinstated a person")
    PERSON_DELETED = "person_deleted", _("Deleted a person")

    GROUP_CREATED = "group_created", _("Created a group")
    GROUP_CHANGED = "group_changed", _("Changed a group")
    GROUP_DELETED = "group_deleted", _("Deleted a group")
    MEMBER_ADDED = "member_added", _("Added to a group")
    MEMBER_REMOVED = "member_removed", _("Removed from a group")
    PERMISSIONS_CHANGED = "permissions_changed", _("Changed what everybody may do")
    GROUP_PERMISSIONS_CHANGED = "group_permissions_changed", _("Changed what a group may do")

    SETTING_CHANGED = "setting_changed", _("Changed a setting")
    SETTING_RESET = "setting_reset", _("Put a setting back to its default")

    CONNECTION_CREATED = "connection_created", _("Added a connection")
    CONNECTION_CHANGED = "connection_changed", _("Changed a connection")
    CONNECTION_ENABLED = "connection_enabled", _("Switched a connection on")
    CONNECTION_DISABLED = "connection_disabled", _("Switched a connection off")
    CONNECTION_DELETED = "connection_deleted", _("Deleted a connection")

    PICTURE_SERVER_CREATED = "picture_server_created", _("Added a server for pictures")
    PICTURE_SERVER_CHANGED = "picture_server_changed", _("Changed a server for pictures")
    PICTURE_SERVER_PREFERRED = "picture_server_preferred", _("Made a server for pictures the default")
    PICTURE_SERVER_ENABLED = "picture_server_enabled", _("Switched a server for pictures on")
    PICTURE_SERVER_DISABLED = "picture_server_disabled", _("Switched a server for pictures off")
    PICTURE_SERVER_DELETED = "picture_server_deleted", _("Deleted a server for pictures")
    VOICE_SERVER_KEPT = "voice_server_kept", _("Entered a server for voice")
    VOICE_SERVER_REMOVED = "voice_server_removed", _("Removed a server for voice")

    MODEL_PULLED = "model_pulled", _("Began to download a model")
    DOWNLOAD_CANCELLED = "download_cancelled", _("Cancelled a download")
    MODEL_ATTACHED = "model_attached", _("Attached models")
    MODEL_UPLOADED = "model_uploaded", _("Uploaded models")
    UPLOAD_REMOVED = "upload_removed", _("Gave up an upload of a model")
    MODEL_CREATED = "model_created", _("Created or copied a model")
    MODEL_DELETED = "model_deleted", _("Deleted a model")
    MODEL_CHANGED = "model_changed", _("Changed the texts of a model")
    MODEL_LOADING_CHANGED = "model_loading_changed", _("Changed how a model is loaded")
    MODEL_DEFAULTS_CHANGED = "model_defaults_changed", _("Changed the defaults of a model")

    MODEL_ACCESS_CHANGED = "model_access_changed", _("Changed who may use a model")

    EMBEDDER_CHOSEN = "embedder_chosen", _("Chose a model for the search index")
    INDEX_ABORTED = "index_aborted", _("Gave up building the search index")
    INDEX_ROLLED_BACK = "index_rolled_back", _("Went back to the former search index")
    INDEX_DROPPED = "index_dropped", _("Removed the former search index")
    INDEX_LEFT_BEHIND = "index_left_behind", _("Left the vectors of before where they are")
    FOLDER_CONNECTED = "folder_connected", _("Connected a folder of the server")
    FOLDER_PAUSED = "folder_paused", _("Paused a folder of the server")
    FOLDER_RESUMED = "folder_resumed", _("Resumed a folder of the server")
    FOLDER_DISCONNECTED = "folder_disconnected", _("Disconnected a folder of the server")

    SHARED_PUBLICLY = "shared_publicly", _("Shared a chat with everybody who has the link")
    PUBLIC_SHARING_ENDED = "public_sharing_ended", _("Ended sharing a chat with everybody")
    CHATS_EXPORTED = "chats_exported", _("Exported all own chats")
    RATINGS_EXPORTED = "ratings_exported", _("Exported everybody's ratings")
    LOG_EXPORTED = "log_exported", _("Exported the audit log")
