from __future__ import annotations

from inference.terminal.chat import Chat
from inference.types import ChatMessage, ModelCard


def chat(*capabilities: str) -> Chat:
    return Chat(model="tiny", card=ModelCard(capabilities=capabilities or ("completion",)))


def question(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def test_each_question_goes_with_all_that_was_said() -> None:
    one = chat()
    one.keep(question("first"), "an answer", "a thought")

    request = one.asking(question("second"))

    assert [(message.role, message.content) for message in request.messages] == [
        ("user", "first"), ("assistant", "an answer"), ("user", "second"),
    ]  # fmt: skip
    assert request.messages[1].thinking == "a thought"


def test_the_system_message_comes_first_and_outlives_a_clearing() -> None:
    one = chat()
    one.system = "Be brief."
    one.keep(question("first"), "an answer", "")

    one.clear()

    assert [message.content for message in one.asking(question("second")).messages] == ["Be brief.", "second"]


def test_a_question_without_an_answer_is_forgotten() -> None:
    one = chat()

    one.keep(question("stopped at once"), "", "")

    assert one.messages == []


def test_a_model_that_can_think_does_unless_told_otherwise() -> None:
    assert chat().asking(question("x")).think is None
    thinker = chat("completion", "thinking")
    assert thinker.asking(question("x")).think is True
    thinker.think = False
    assert thinker.asking(question("x")).think is False


def test_options_are_those_at_the_time_of_asking() -> None:
    one = chat()
    one.options["num_ctx"] = 4096
    request = one.asking(question("x"))

    one.options["num_ctx"] = 8192

    assert request.options == {"num_ctx": 4096}


def test_another_model_begins_with_nothing_said_and_what_was_set() -> None:
    one = chat("completion", "thinking")
    one.system, one.think, one.options["seed"] = "Be brief.", True, 1
    one.keep(question("first"), "an answer", "")

    one.change_model("other", ModelCard(capabilities=("completion",)))

    request = one.asking(question("x"))
    assert (request.model, request.think, request.options) == ("other", None, {"seed": 1})
    assert [message.content for message in request.messages] == ["Be brief.", "x"]


def test_a_chat_becomes_a_model_with_what_was_set_and_said() -> None:
    one = chat()
    assert one.as_model("new") == {"model": "new", "from": "tiny"}

    one.system, one.options["num_ctx"] = "Be brief.", 4096
    one.keep(question("first"), "an answer", "a thought")

    assert one.as_model("new") == {
        "model": "new",
        "from": "tiny",
        "system": "Be brief.",
        "parameters": {"num_ctx": 4096},
        "messages": [{"role": "user", "content": "first"}, {"role": "assistant", "content": "an answer"}],
    }
