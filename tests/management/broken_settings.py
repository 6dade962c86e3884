"""The product with one more app, whose second migration fails after the first has done damage."""

from __future__ import annotations

from webui.config.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.management.broken_app"]  # noqa: F405
