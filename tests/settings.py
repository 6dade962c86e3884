"""Settings of the test suite: the product's own, with a data folder that is thrown away."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

# A folder for each process of the suite, the first's around the others'; what tests start is given its own.
_process = os.environ.get("PYTEST_XDIST_WORKER", "")
if "HEARTH_DATA" not in os.environ or os.environ.get("HEARTH_TESTS_OF", _process) != _process:
    os.environ["HEARTH_DATA"] = tempfile.mkdtemp(prefix="hearth-tests-", dir=os.environ.get("HEARTH_DATA"))
    os.environ["HEARTH_TESTS_OF"] = _process
    atexit.register(shutil.rmtree, os.environ["HEARTH_DATA"], ignore_errors=True)
os.environ["HEARTH_ENV_FILE"] = os.devnull
# Hundreds of processes run the same modules: compiled once, whatever the environment says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from webui.config.settings import *  # noqa: E402, F403  (the environment above must be set first)

# Argon2 is slow by design, and nothing here depends on how a password is hashed.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Straight from the source folders, so that nothing has to be collected before a page can be rendered.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
# What models are asked for after an answer would stand among the requests that tests count; tests of it switch it on.
HEARTH_PINNED_SETTINGS = {"afterthoughts": "off", **HEARTH_PINNED_SETTINGS}  # noqa: F405
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file like the product's, not Django's shared memory, where threads lock each other out; never flushed to disk.
    DATABASES["default"]["TEST"] = {"NAME": str(HEARTH_DATA / "tests.sqlite3")}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # noqa: F405
