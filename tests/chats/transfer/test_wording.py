"""What could not be taken of a chat, in words."""

from __future__ import annotations

import pytest

from webui.chats.transfer.shapes import Note
from webui.chats.transfer.wording import notes_in_words


@pytest.mark.parametrize("n", [1, 2])
def test_every_note_is_a_sentence(n: int) -> None:
    sentences = list(notes_in_words(dict.fromkeys(Note, n)))

    assert len(set(sentences)) == len(Note)
    assert all(sentence.endswith(".") and "%" not in sentence for sentence in sentences)


def test_a_note_counts() -> None:
    assert list(notes_in_words({Note.CUT_TEXTS: 1})) == ["1 text was too long and was cut."]
    assert list(notes_in_words({Note.CUT_TEXTS: 3})) == ["3 texts were too long and were cut."]
