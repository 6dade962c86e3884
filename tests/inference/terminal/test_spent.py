from __future__ import annotations

from inference.terminal.spent import spent
from inference.types import Usage


def test_every_value_has_its_line() -> None:
    usage = Usage(prompt_tokens=26, answer_tokens=298, total_s=4.5355, load_s=0.0021, prompt_s=0.13, answer_s=4.0)

    assert spent(usage) == "\n".join(
        [
            "total duration:       4.535s",
            "load duration:        2.1ms",
            "prompt eval count:    26 token(s)",
            "prompt eval duration: 130ms",
            "prompt eval rate:     200.00 tokens/s",
            "eval count:           298 token(s)",
            "eval duration:        4s",
            "eval rate:            74.50 tokens/s",
        ]
    )


def test_what_was_not_told_is_left_out() -> None:
    assert spent(Usage(answer_tokens=3, answer_s=0.0)) == "eval count:           3 token(s)\neval duration:        0s"
