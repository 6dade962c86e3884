from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from webui.chats.search.snippets import SNIPPET_CHARS, marked, snippet
from webui.chats.search.typed import read_query

TEXTS = st.text(st.sampled_from("ab éßﬁ\n灯塔<&> "), max_size=600)


def shown(text: str, typed: str) -> str:
    """Return a snippet with its marks in brackets."""
    parts = snippet(text, read_query(typed).patterns)
    return "".join(f"[{part.text}]" if part.is_marked else part.text for part in parts)


def test_what_was_found_is_marked_as_it_is_written() -> None:
    assert shown("The Café\nby the SEA", "cafe sea") == "The [Café] by the [SEA]"
    assert shown("灯塔建于1902年", "灯塔 1902") == "[灯塔]建于[1902]年"
    assert shown("Die Straße", "strasse") == "Die [Straße]"


def test_short_words_are_marked_where_words_begin() -> None:
    assert shown("go ergo Google", "go") == "[go] ergo [Go]ogle"


def test_a_long_text_is_shown_around_what_was_found() -> None:
    text = "word " * 300 + "the lighthouse keeper " + "word " * 300

    said = shown(text, "lighthouse keeper")

    assert said.startswith("…word") and said.endswith("word…")
    assert "the [lighthouse] [keeper] word" in said
    assert len(said) < SNIPPET_CHARS + 60


def test_the_place_with_most_of_what_was_found_is_shown() -> None:
    text = "A keeper. " + "word " * 100 + "The keeper of the lighthouse. " + "word " * 100

    assert "The [keeper] of the [lighthouse]." in shown(text, "keeper lighthouse")


@given(TEXTS, st.text("ab éﬁ灯塔", min_size=1, max_size=5))
def test_the_parts_of_a_title_are_the_title(text: str, typed: str) -> None:
    parts = marked(text, read_query(typed).patterns)

    assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())


@given(TEXTS, st.text("ab éﬁ灯塔", min_size=1, max_size=5))
def test_a_snippet_of_what_has_all_terms_has_a_mark(text: str, typed: str) -> None:
    query = read_query(typed)
    found = [pattern for pattern in query.patterns if pattern.search(text)]

    parts = snippet(text, found)

    assert any(part.is_marked for part in parts) == bool(found)
