from __future__ import annotations

import pytest
from django.db import ConnectionHandler

from tests.doubles.vector_servers import free_port
from webui.management import preparing
from webui.management.errors import CheckFailed
from webui.management.preparing import prepare

pytestmark = pytest.mark.django_db
PASSWORD = "not-for-the-log"


def test_a_database_that_stays_away_ends_the_start_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    address = {
        "ENGINE": "django.db.backends.postgresql", "NAME": "hearth", "USER": "hearth", "PASSWORD": PASSWORD,
        "HOST": "127.0.0.1", "PORT": free_port(),
    }  # fmt: skip
    monkeypatch.setattr(preparing, "connection", ConnectionHandler({"default": address})["default"])
    monkeypatch.setattr(preparing, "DATABASE_PATIENCE_S", 0.7)
    said: list[str] = []

    with pytest.raises(CheckFailed, match=r"^The database does not answer: .*Connection refused\.$"):
        prepare(said.append)

    assert [text.partition(":")[0] for text in said if "new" not in text] == ["Waiting for the database"]
    assert PASSWORD not in "".join(said)
