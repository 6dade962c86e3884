"""Sentences of Django's own that people read here and that its catalogues lack: ours translate them."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

FOREIGN_WORDS: Final = (
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
        "n",
    ),
    _("Ensure this value is a multiple of step size %(limit_value)s."),
)
