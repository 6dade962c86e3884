"""What runner processes know of the environment of their server."""

from __future__ import annotations

import pytest

from inference.runner.environment import child_environment


def test_secrets_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_SECRET_KEY", "a secret")
    monkeypatch.setenv("OLLAMA_API_KEY", "another")

    assert not {"HEARTH_SECRET_KEY", "OLLAMA_API_KEY"} & child_environment().keys()


def test_waiting_threads_soon_sleep_unless_the_administrator_wants_them_to_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert child_environment()["GOMP_SPINCOUNT"] == "300"

    monkeypatch.setenv("GOMP_SPINCOUNT", "infinite")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")

    assert child_environment()["GOMP_SPINCOUNT"] == "infinite"
    assert child_environment()["OMP_WAIT_POLICY"] == "active"
