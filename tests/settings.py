"""Settings of the test suite: the product's own, with a data folder that is thrown away."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("HEARTH_DATA", tempfile.mkdtemp(prefix="hearth-tests-"))

from webui.config.settings import *  # noqa: E402, F403  (the environment above must be set first)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
