"""`python -m bench.people N`: create N people who are signed in; print one session cookie a line."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.config.settings")
django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402

from webui.accounts.models import Role, User  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def signed_in_person(number: int) -> str:
    person = User(email=f"person{number}@bench.example", role=Role.USER)
    person.set_unusable_password()
    person.save()
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return str(session.session_key)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        print(signed_in_person(number))
