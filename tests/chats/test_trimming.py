"""What is left out when a chat is longer than the context window, whatever the chat."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference.types import ChatMessage
from tests.chats.prompting.test_building import passage
from webui.chats.prompting.building import (
    MAX_ANSWER_SHARE,
    TOKENS_PER_MESSAGE,
    build_prompt,
    estimate_tokens,
    least_tokens,
)
from webui.chats.prompting.turns import Turn

words = st.text("abc dé文\n", max_size=400)
# A turn: a question, and what answers it: calls of tools with their results, and words.
turns = st.lists(st.tuples(words, st.lists(st.tuples(st.sampled_from(["assistant", "tool"]), words), max_size=4)))


@st.composite
def branches(draw: st.DrawFn) -> list[Turn]:
    """Branches that begin with a question, or a system message before it, and end in the newest question."""
    said: list[tuple[str, str]] = [("system", draw(words))] if draw(st.booleans()) else []
    for question, answers in draw(turns):
        said += [("user", question), *answers]
    said.append(("user", draw(words)))
    return [Turn(uuid=str(number), role=role, content=content) for number, (role, content) in enumerate(said)]  # type: ignore[arg-type]


def n_tokens(messages: list[ChatMessage]) -> int:
    return sum(estimate_tokens(message.content) + TOKENS_PER_MESSAGE for message in messages)


@given(branch=branches(), window=st.integers(1, 3000), texts=st.lists(words, max_size=5))
def test_whole_turns_go_the_oldest_first_until_the_rest_fits(branch: list[Turn], window: int, texts: list[str]) -> None:
    prompt = build_prompt(branch, [passage(text) for text in texts], context_tokens=window)

    ledger = prompt.ledger
    sent = [entry["message"] for entry in ledger["sent"] if entry["message"] is not None]
    dropped = [entry["message"] for entry in ledger["dropped"]]
    system = [turn.uuid for turn in branch[:1] if turn.role == "system"]
    # Nothing is lost from the books, and nothing is reordered: the system message, the newest turns, the question.
    assert [*system, *dropped, *[uuid for uuid in sent if uuid not in system]] == [turn.uuid for turn in branch]
    assert sent[-1] == branch[-1].uuid
    assert prompt.messages[-1].role == "user"
    # A turn goes whole: what is left begins with a question, so no answer and no result of a call stands alone.
    if dropped:
        assert branch[int(sent[len(system)])].role == "user"
        assert branch[int(dropped[0])].role == "user"
    # It fits, unless what has to stay does not fit by itself.
    if len(sent) > len(system) + 1:
        assert n_tokens([*prompt.messages]) <= window - window // MAX_ANSWER_SHARE
    # And no more went than had to: with the newest of the turns that went it would not have fitted.
    if dropped:
        last_turn = max(at for at in map(int, dropped) if branch[at].role == "user")
        more = [t for t in branch[last_turn:] if t.uuid in dropped]
        n_more = sum(estimate_tokens(turn.content) + TOKENS_PER_MESSAGE for turn in more)
        # Questions that follow each other are counted one by one, and go as one message.
        n_joined = len(ledger["sent"]) - len(prompt.messages)
        slack = 2 + len(texts) + n_joined * TOKENS_PER_MESSAGE
        assert n_tokens([*prompt.messages]) + n_more + slack > window - window // MAX_ANSWER_SHARE


@given(text=st.text(max_size=500))
def test_no_text_has_fewer_tokens_than_the_least(text: str) -> None:
    # A token for each character is what the most wasteful tokenizer makes of it.
    assert 0 <= least_tokens(text) <= len(text)


def test_the_least_is_a_word_each_and_less_where_there_are_no_blanks() -> None:
    assert least_tokens("The lighthouse  was\nbuilt in 1902.") == 6
    assert least_tokens("灯塔建于一九零二年") == 2
    assert least_tokens("") == 0
