"""What accounts takes from the settings.

The sign-up policy is a site setting, which administration keeps; accounts knows its reader by name only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from django.conf import settings
from django.utils.module_loading import import_string

SignUpPolicy = Literal["open", "approval", "closed"]


def signup_policy() -> SignUpPolicy:
    return cast(SignUpPolicy, site_setting("signup"))


def waiting_note() -> str:
    """What people read while they wait for approval, in an administrator's words."""
    return site_setting("waiting_note")


def offers_afterthoughts() -> bool:
    """Whether people may have models asked for titles, suggestions and tags."""
    return site_setting("afterthoughts") == "on"


def opens_new_models() -> bool:
    """Whether a model that nobody has decided about is for everybody."""
    return site_setting("new_models") == "open"


def audit_days() -> int:
    """How long the audit log is kept; 0 for ever."""
    return int(site_setting("audit_days"))


def site_setting(name: str) -> str:
    """Return what an administrator has chosen, or the default."""
    reader: Callable[[str], str] = import_string(settings.HEARTH_SITE_SETTING_READER)
    return reader(name)
