"""Whatever a model answers in the form of a schema satisfies that schema."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from inference.runner.grammar import Grammar, Vocabulary
from inference.runner.handle import RunnerHandle
from inference.runner.json_schema import format_grammar
from tests.inference.runner.asking import answer, question, started
from tests.inference.runner.json_schemas import schemas

PIECES = [
    b"",
    *(bytes([byte]) for byte in range(256)),
    b'":',
    b', "',
    b"}}",
    b"null",
    b"true",
    b"12",
    "\u00fc".encode(),
]
TOKENS = Vocabulary(PIECES, [0])
MOST_TOKENS = 300
RECURSIVE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]{1,3}$"},
                "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "left"],
        }
    },
}


def check(text: str, schema: Any) -> None:
    jsonschema.validate(json.loads(text), schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def walk(grammar: Grammar, chance: random.Random) -> str | None:
    """Choose tokens at random until the answer ends, sooner than not where it may; None when that takes too long."""
    state, text = grammar.start(), b""
    for _ in range(MOST_TOKENS):
        if state.must_end or (state.may_end and chance.random() < 0.5):
            return text.decode()
        piece = PIECES[chance.choice(grammar.allowed(state, TOKENS).tolist())]
        following = grammar.after(state, piece)
        assert following is not None
        state, text = following, text + piece
    return None


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(schemas(), st.integers(0, 2**32))
def test_any_way_through_the_grammar_satisfies_the_schema(schema: dict[str, Any], seed: int) -> None:
    text = walk(format_grammar(schema), random.Random(seed))  # noqa: S311 - for a test

    if text is not None:
        check(text, schema)


def schema_of(value: Any) -> dict[str, Any]:
    """Return a narrow schema that a value satisfies."""
    match value:
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer", "minimum": value - 1, "maximum": value}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string", "minLength": len(value), "maxLength": len(value)}
        case []:
            return {"type": "array", "maxItems": 0}
        case list():
            return {"type": "array", "prefixItems": [schema_of(item) for item in value], "minItems": len(value)}
    properties = {name: schema_of(part) for name, part in value.items()}
    return {"type": "object", "properties": properties, "required": sorted(properties)[::2]}


def json_values() -> st.SearchStrategy[Any]:
    numbers = st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9).map(lambda number: round(number, 6))
    scalars = st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab "\\', max_size=4), inner),
        max_leaves=8,
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(json_values())
def test_a_value_that_satisfies_the_schema_is_accepted_as_programs_spell_it(value: Any) -> None:
    schema = schema_of(value)
    jsonschema.validate(value, schema)
    grammar = format_grammar(schema)

    spellings = [json.dumps(value), json.dumps(value, ensure_ascii=False, separators=(",", ":"))]
    for text in [*spellings, json.dumps(value, ensure_ascii=False, indent=2)]:
        state = grammar.after(grammar.start(), text.encode())
        assert state is not None, text
        assert state.may_end


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture(scope="module")
def noise(loop: asyncio.Runner, tiny_gguf: Path) -> Iterator[RunnerHandle]:
    handle = loop.run(started(tiny_gguf, n_slots=4, n_ctx=1024))
    yield handle
    loop.run(handle.stop())


async def answers(handle: RunnerHandle, schema: Any) -> AsyncIterator[str]:
    requests = [
        replace(question("Go!", seed=seed, temperature=1.0, num_predict=MOST_TOKENS), format=schema)
        for seed in range(4)
    ]
    for text, finished in await asyncio.gather(*(answer(handle, request) for request in requests)):
        if finished.reason == "stop":
            yield text


@pytest.mark.model
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(schema=schemas() | st.just(RECURSIVE))
def test_what_a_runner_answers_satisfies_the_schema(
    loop: asyncio.Runner, noise: RunnerHandle, schema: dict[str, Any]
) -> None:
    async def check_all() -> None:
        async for text in answers(noise, schema):
            check(text, schema)

    loop.run(check_all())
