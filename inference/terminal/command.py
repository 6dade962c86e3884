"""What the commands that talk to a model server have in common."""

from __future__ import annotations

from django.core.management.base import BaseCommand


class ModelCommand(BaseCommand):
    """A command without Django's checks, and without its flags in the help."""

    requires_system_checks = ()
    suppressed_base_arguments = {
        "--version",
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--traceback",
        "--no-color",
        "--force-color",
    }
