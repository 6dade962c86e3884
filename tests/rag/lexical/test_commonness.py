from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rag.lexical import commonness
from rag.models import Document
from tests.rag.test_retrieval import ask
from webui.accounts.models import User

Upload = Callable[..., Document]


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    commonness.forget()
    yield
    commonness.forget()


@pytest.fixture
def harbours(ingested: Upload, alice: User) -> list[Document]:
    texts = [f"Harbour {n} has a pier of wood and a lamp." for n in range(20)]
    return [ingested(alice, text, f"{n}.txt") for n, text in enumerate([*texts, "Harbour office: keys, tar and oars."])]


def test_in_a_large_index_alone_the_commonest_terms_are_left_out(
    harbours: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = ["harbour", "pier", "wood", "kei", "tar", "oar"]

    assert commonness.without_common(terms) == terms
    monkeypatch.setattr(commonness, "MIN_ENTRIES", 10)
    assert commonness.without_common(terms) == ["kei", "tar", "oar"]


def test_the_rarest_terms_stay_however_common(harbours: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commonness, "MIN_ENTRIES", 10)

    assert len(commonness.without_common(["harbour", "pier", "wood", "lamp", "a"])) == commonness.MIN_TERMS


def test_nothing_outside_of_the_documents_asked_for_is_found_for_its_rare_words(
    harbours: list[Document], alice: User, charlie: User
) -> None:
    assert "oars" in ask(alice, "Where are the keys, tar and oars?", harbours).passages[0].text
    assert ask(alice, "Where are the keys, tar and oars?", harbours[:-1]).is_empty
    assert ask(charlie, "Where are the keys, tar and oars?", harbours).trace.candidates == ()
