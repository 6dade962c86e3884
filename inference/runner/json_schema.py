"""Turn a JSON schema into a grammar for the values that satisfy it.

What a grammar describes satisfies the schema; the reverse holds but for these, which keep answers short and in shape:
properties come in the schema's order, objects with listed properties have no others unless `additionalProperties` says
so, white space is limited, and formats have a usual spelling. A keyword that cannot be honoured is refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from inference.errors import InvalidRequest
from inference.runner.flat_schema import Flat, Flattener, Schema, Type, as_json, is_reference, refuse
from inference.runner.gbnf import ANY, MAX_REPETITIONS, EndlessGrammar, LeftRecursiveGrammar, inverted
from inference.runner.gbnf_text import NEVER, json_character, literal, repeated
from inference.runner.grammar import Grammar
from inference.runner.number_grammar import ANY_NUMBER, Bounds, integer_expression, number_expression
from inference.runner.regex_grammar import BadPattern, pattern_expression
from inference.types import ResponseFormat

MAX_NAME = 200
MAX_RULES = 10_000
MAX_CHARACTERS = 400_000

_COMMON = rf"""
space ::= (" " | "\n" [ \t]{{0,20}})?
character ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" unit)
unit ::= [0-9a-cA-CefEF] [0-9a-fA-F]{{3}} | [dD] [0-7] [0-9a-fA-F]{{2}} | pair
pair ::= [dD] [89abAB] [0-9a-fA-F]{{2}} "\\u" [dD] [c-fC-F] [0-9a-fA-F]{{2}}
plain ::= {json_character(ANY)}
string ::= "\"" character* "\""
number ::= {ANY_NUMBER}
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{{" space (member ("," space member)*)? space "}}"
member ::= string space ":" space value
array ::= "[" space (value ("," space value)*)? space "]"
never ::= {NEVER}
"""
JSON_OBJECT = f"root ::= object{_COMMON}"


def format_grammar(wanted: ResponseFormat) -> Grammar:
    """Return the grammar for any JSON object, or for what satisfies a schema.

    Raises:
        InvalidRequest: The schema is malformed, too large, cannot be satisfied, or has a keyword that is not honoured.
    """
    try:
        return Grammar(JSON_OBJECT if wanted == "json" else schema_grammar(wanted))
    except EndlessGrammar:
        raise InvalidRequest("no value satisfies the schema in format") from None
    except LeftRecursiveGrammar:
        raise refuse("$ref", "refers to itself before any value begins") from None


def schema_grammar(schema: Schema) -> str:
    """Return the grammar's text; it may be one that no answer can follow. See `format_grammar`."""
    return _Converter(schema).grammar()


def grammar_around(schemas: Sequence[Schema], root: Callable[[Sequence[str]], str]) -> str:
    """Return the text of a grammar whose root is made of one expression for each schema's values.

    References lead into the schema that they stand in.
    """
    definitions = {f"part{number}": _rebased(schema, f"#/$defs/part{number}") for number, schema in enumerate(schemas)}
    converter = _Converter({"$defs": definitions})
    return converter.with_root(root([converter.expression({"$ref": f"#/$defs/{name}"}) for name in definitions]))


def _rebased(schema: Any, base: str) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: base + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _rebased(value, base)
            for key, value in schema.items()
        }
    return [_rebased(item, base) for item in schema] if isinstance(schema, list) else schema


_Tree = dict[str, "_Tree"]
"""Names by their characters; the empty text marks where one ends."""


class _Converter:
    def __init__(self, root: Schema) -> None:
        self._flattener = Flattener(root)
        self._root = root
        self._rules: dict[str, str] = {}
        self._references: dict[str, str] = {}
        self._n_characters = 0

    def grammar(self) -> str:
        return self.with_root(self._expression(self._root, 0))

    def expression(self, schema: Schema) -> str:
        return self._expression(schema, 0)

    def with_root(self, expression: str) -> str:
        rules = [f"{name} ::= {rule}" for name, rule in self._rules.items()]
        return "\n".join([f"root ::= {expression}{_COMMON}", *rules])

    def _expression(self, schema: Schema, nesting: int) -> str:
        """Return an expression, one item, for the values that satisfy a schema."""
        if schema is True or schema == {}:
            return "value"
        choices = [self._alternative(flat, nesting) for flat in self._flattener.flatten(schema, nesting)]
        choices = [choice for choice in dict.fromkeys(choices) if choice != "never"]
        if not choices:
            return "never"
        return choices[0] if len(choices) == 1 else self._rule("either", " | ".join(choices))

    def _alternative(self, flat: Flat, nesting: int) -> str:
        if flat.origin is not None:
            return self._reference(flat.origin, nesting)
        if flat == Flat():
            return "value"
        if flat.values is not None:
            values = _satisfying(flat.values, replace(flat, values=None))
            return self._rule("enum", " | ".join(map(literal, values))) if values else "never"
        types = flat.types - {"integer"} if "number" in flat.types else flat.types
        choices = [self._of_type(name, flat, nesting) for name in sorted(types)]
        choices = [choice for choice in choices if choice != "never"]
        if not choices:
            return "never"
        return choices[0] if len(choices) == 1 else self._rule("type", " | ".join(choices))

    def _reference(self, reference: str, nesting: int) -> str:
        name = self._references.get(reference)
        if name is None:
            name = self._references[reference] = self._rule("ref", "")
            target, seen = self._flattener.target(reference), {reference}
            while not isinstance(target, bool) and is_reference(target):
                if target["$ref"] in seen:
                    raise refuse("$ref", f"{reference[:80]!r} refers to itself")
                seen.add(target["$ref"])
                target = self._flattener.target(target["$ref"])
            self._set(name, self._expression(target, nesting + 1))
        return name

    def _of_type(self, name: Type, flat: Flat, nesting: int) -> str:
        match name:
            case "null":
                return literal("null")
            case "boolean":
                return '("true" | "false")'
            case "integer":
                return self._rule("integer", integer_expression(flat.bounds))
            case "number":
                is_any = flat.bounds == Bounds()
                return "number" if is_any else self._rule("number", number_expression(flat.bounds))
            case "string":
                return self.string(flat)
            case "array":
                return self._array(flat, nesting)
            case "object":
                return self._object(flat, nesting)

    def string(self, flat: Flat) -> str:
        least, most = flat.min_length, flat.max_length
        if most is not None and most < least:
            return "never"
        if max(least, most or 0) > MAX_REPETITIONS:
            raise refuse("minLength" if least > MAX_REPETITIONS else "maxLength", f"is above {MAX_REPETITIONS:,}")
        if not flat.patterns:
            is_any = (least, most) == (0, None)
            return "string" if is_any else self._quoted(repeated("character", least, most))
        if len(flat.patterns) > 1:
            raise refuse("pattern", "together with another pattern or format is not supported")
        try:
            return self._quoted(f"({pattern_expression(flat.patterns[0], least=least, most=most)})")
        except BadPattern as exc:
            raise refuse("pattern", f"is not supported: {exc}") from None

    def _quoted(self, expression: str) -> str:
        return self._rule("string", rf'"\"" {expression} "\""')

    def _array(self, flat: Flat, nesting: int) -> str:
        least, most = flat.min_items, flat.max_items
        if most is not None and most < least:
            return "never"
        if max(least, most or 0) > MAX_REPETITIONS:
            raise refuse("minItems" if least > MAX_REPETITIONS else "maxItems", f"is above {MAX_REPETITIONS:,}")
        first = [self._expression(schema, nesting + 1) for schema in flat.first[: most if most is not None else None]]
        rest = "never" if most is not None and most <= len(first) else self._expression(flat.rest, nesting + 1)
        if (first, rest, least, most) == ([], "value", 0, None):
            return "array"
        return self._rule("array", f'"[" space {self._items(first, rest, least, most)} space "]"')

    def _items(self, first: Sequence[str], rest: str, least: int, most: int | None) -> str:
        """Return an expression for the items between the brackets."""
        if not first:
            if rest == "never":
                return "never" if least else '""'
            more = repeated(f'("," space {rest})', max(0, least - 1), None if most is None else most - 1)
            return f"({rest} {more}){'' if least else '?'}"
        n_first = len(first)
        tail = '""' if least <= n_first else "never"
        if rest != "never":
            upper = None if most is None else most - n_first
            tail = repeated(f'("," space {rest})', max(0, least - n_first), upper)
        for index in range(n_first - 1, 0, -1):
            tail = f'("," space {first[index]} {tail}){"" if least > index else "?"}'
            tail = self._rule("items", tail)
        return f"({first[0]} {tail}){'' if least else '?'}"

    def _object(self, flat: Flat, nesting: int) -> str:
        names = [name for name in flat.properties if flat.properties[name] is not False or name in flat.required]
        unlisted: Schema = True if flat.additional is None else flat.additional
        names += [name for name in flat.required if name not in flat.properties]
        if not names and flat.additional in (None, True) and not flat.properties:
            return "object"
        members = []
        for name in names:
            value = self._expression(flat.properties.get(name, unlisted), nesting + 1)
            members.append((f'{literal(as_json(name))} space ":" space {value}', name in flat.required))
        more = "never"
        if flat.is_open and unlisted is not False:
            key = self._other_name([*flat.properties, *names])
            more = self._rule("more", f'{key} space ":" space {self._expression(unlisted, nesting + 1)}')
        return self._rule("object", f'"{{" space {self._members(members, more)} space "}}"')

    def _members(self, members: Sequence[tuple[str, bool]], more: str) -> str:
        """Return an expression for members in their order, each either required or not, and any number of others."""
        after = f'("," space {more})*' if more != "never" else '""'
        begin = f'({more} ("," space {more})*)?' if more != "never" else '""'
        for member, is_required in reversed(members):
            present = f"{member} {after}"
            begin, after = (
                self._rule("members", present if is_required else f"{present} | {begin}"),
                self._rule("members", f'"," space {present}' + ("" if is_required else f" | {after}")),
            )
        return begin

    def _other_name(self, names: Sequence[str]) -> str:
        """Return an expression for the name of a member that is none of these."""
        if not names:
            return "string"
        tree: _Tree = {}
        for name in names:
            if len(name) > MAX_NAME:
                raise refuse("properties", f"has a name of more than {MAX_NAME} characters")
            place = tree
            for character in name:
                place = place.setdefault(character, {})
            place[""] = {}
        return self._quoted(self._beside(tree))

    def _beside(self, tree: _Tree) -> str:
        """Return an expression for texts that are not spelled by a way through the tree to an end."""
        characters = [character for character in tree if character]
        taken = inverted([(ord(character), ord(character)) for character in characters])
        choices = [f"{json_character(taken)} plain*"]
        for character in characters:
            code = ord(character)
            following = self._beside(tree[character])
            choices.append(f"{json_character(((code, code),))} {following}")
        if "" not in tree:
            choices.append('""')
        return self._rule("name", " | ".join(choices))

    def _rule(self, kind: str, expression: str) -> str:
        """Add a rule; return its name."""
        name = f"{kind}-{len(self._rules)}"
        if len(self._rules) >= MAX_RULES:
            raise refuse("it", f"needs more than {MAX_RULES:,} rules")
        self._set(name, expression)
        return name

    def _set(self, name: str, expression: str) -> None:
        self._rules[name] = expression
        self._n_characters += len(expression)
        if self._n_characters > MAX_CHARACTERS:
            raise refuse("it", "is too large")


def _satisfying(values: Sequence[str], others: Flat) -> list[str]:
    """Return those of the listed values that satisfy the other keywords beside the list."""
    if others == Flat(types=others.types):
        return list(values)
    converter = _Converter(True)
    strings = Grammar(converter.with_root(converter.string(others))) if others.binds_strings else None
    return [value for value in values if _satisfies(value, others, strings)]


def _satisfies(value: str, others: Flat, strings: Grammar | None) -> bool:
    decoded = json.loads(value)
    if isinstance(decoded, dict | list):
        if others.binds_parts:
            raise refuse("enum", "lists objects or arrays beside keywords that they would have to satisfy")
        return True
    if isinstance(decoded, int | float) and not isinstance(decoded, bool):
        return others.bounds.hold(Decimal(value))
    if not isinstance(decoded, str) or strings is None:
        return True
    state = strings.after(strings.start(), value.encode("utf-8", "replace"))
    return state is not None and state.may_end
