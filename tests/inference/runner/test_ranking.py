from __future__ import annotations

import pytest

from inference.errors import InvalidRequest
from inference.runner.literals import VocabularyMarks
from inference.runner.ranking import PairTokenizer

BOS, EOS, SEP, MARK = 1, 2, 3, 4


class Letters:
    """Each letter is a token; `<m>` is a control token."""

    bos, eos, sep = BOS, EOS, SEP
    adds_bos = adds_eos = True
    adds_sep = False

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]:
        parts = text.split("<m>") if parse_special else [text]
        tokens = [ord(letter) for letter in parts[0]]
        for part in parts[1:]:
            tokens += [MARK, *map(ord, part)]
        return tokens

    def marks(self) -> VocabularyMarks:
        return VocabularyMarks(control=("<m>",), user_defined=())


def one_pair(
    query: str, document: str, *, template: str | None = None, max_tokens: int = 100, truncate: bool = True
) -> str:
    """Return how the model input is spelled; control tokens are digits."""
    (pair,) = PairTokenizer(Letters(), template, max_tokens).pairs(query, [document], truncate=truncate)
    return "".join(str(token) if token < 10 else chr(token) for token in pair.tokens)


def test_a_query_and_a_document_are_set_apart() -> None:
    assert one_pair("query", "document") == "1query2document2"


def test_separators_are_put_in_where_the_vocabulary_wants_them() -> None:
    vocabulary = Letters()
    vocabulary.adds_sep = True

    (pair,) = PairTokenizer(vocabulary, None, 100).pairs("q", ["d"], truncate=True)

    assert pair.tokens == [BOS, ord("q"), EOS, SEP, ord("d"), EOS]


def test_a_template_is_filled_once() -> None:
    assert one_pair("{document}", "d", template="<m>Q {query} D {document}<m>") == "4Q {document} D d4"


def test_texts_cannot_spell_control_tokens() -> None:
    assert one_pair("a<m>b", "<m>", template="<m>{query}:{document}") == "4a<m>b:<m>"


def test_a_template_keeps_its_end_when_the_document_is_cut() -> None:
    text = one_pair("q", "0" * 50, template="{query}: {document}<m>", max_tokens=20)

    assert text == "q: " + "0" * 16 + "4"


def test_a_document_that_does_not_fit_is_refused_when_it_must_not_be_cut() -> None:
    with pytest.raises(InvalidRequest, match="a query with a document has 54 tokens, but the model takes 20"):
        one_pair("q", "0" * 50, max_tokens=20, truncate=False)


def test_a_query_leaves_room_for_documents() -> None:
    with pytest.raises(InvalidRequest, match="the query is too long"):
        one_pair("q" * 15, "d", max_tokens=20)
