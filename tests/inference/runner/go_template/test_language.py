"""The language of Go templates. The expected texts are what Go's own package writes for the same template and data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.runner.go_template.errors import GoTemplateError
from inference.runner.go_template.evaluator import execute
from inference.runner.go_template.parser import parse
from inference.runner.go_template.values import JsonMap, PropertyType, Record

DATA: dict[str, Any] = {
    "Name": "Ada",
    "Empty": "",
    "Zero": 0,
    "Three": 3,
    "Half": 0.5,
    "Yes": True,
    "List": ["a", "b", "c"],
    "None": [],
    "Map": {"y": 2, "x": 1},
    "Deep": {"er": {"est": "here"}},
    "Record": Record("api.Message", {"Role": "user", "Calls": []}, {"role": "user"}),
    "Arguments": JsonMap({"b": 1, "a": "<é>"}),
    "Type": PropertyType(["string"]),
    "Nil": None,
}


def written(source: str, data: Any = DATA, *, max_characters: int = 10_000) -> str:
    return execute(parse(source), data, max_characters=max_characters)


CASES = [
    ("plain { text } }}", "plain { text } }}"),
    ("{{ .Name }}", "Ada"),
    ("{{.Name}}!", "Ada!"),
    ("{{ . }}", None),
    ("{{ .Deep.er.est }}", "here"),
    ("{{ $.Name }}{{ $ := 1 }}", None),
    ("{{ .Missing }}", "<no value>"),
    ("{{ .Nil }}", "<no value>"),
    ("{{ .Missing.Field }}", None),
    ("{{ .Record.Missing }}", None),
    ("{{ .Name.Field }}", None),
    # Trimming takes spaces, tabs and line breaks, and wants a space beside its hyphen.
    ("a \n {{- .Three }} b", "a3 b"),
    ("a {{ .Three -}} \n\t b", "a 3b"),
    ("a {{- .Three -}} b", "a3b"),
    ("a {{-3}} b", "a -3 b"),
    ("a {{- -3 }} b", "a-3 b"),
    ("a {{/* a comment }} */}} b", "a  b"),
    ("a {{- /* a\ncomment */ -}} b", "ab"),
    ("{{ /* spaced */ }}", ""),
    ("{{- if .Yes }}\n  x\n{{- end }}\ny", "\n  x\ny"),
    # Conditions.
    ("{{ if .Name }}1{{ else }}2{{ end }}", "1"),
    ("{{ if .Empty }}1{{ else }}2{{ end }}", "2"),
    ("{{ if .Missing }}1{{ else if .Zero }}2{{ else if .Three }}3{{ else }}4{{ end }}", "3"),
    ("{{ if .None }}1{{ end }}{{ if .List }}2{{ end }}{{ if .Record }}3{{ end }}{{ if .Map }}4{{ end }}", "234"),
    ("{{ if not .Yes }}1{{ end }}{{ if and .Yes .Name }}2{{ end }}{{ if or .Zero .Empty }}3{{ end }}", "2"),
    ("{{ and .Name .Zero .Missing.Field }}", "0"),
    ("{{ or .Empty .Name .Missing.Field }}", "Ada"),
    ("{{ or .Empty .Zero }}", "0"),
    ("{{ .Name | and .Yes }}", "Ada"),
    ("{{ if (and (eq .Name `Ada`) (gt .Three 2)) }}yes{{ end }}", "yes"),
    ("{{ with .Deep.er }}{{ .est }}{{ else }}no{{ end }}", "here"),
    ("{{ with .Missing }}{{ .x }}{{ else }}no{{ end }}", "no"),
    ("{{ with .Missing }}x{{ else with .Name }}{{ . }}{{ end }}", "Ada"),
    ("{{ with $x := .Name }}{{ $x }}{{ $.Three }}{{ end }}", "Ada3"),
    # Comparisons.
    ("{{ eq .Three 3 }} {{ eq .Name `x` `Ada` }} {{ ne .Three 3 }}", "true true false"),
    ("{{ lt 1 2 }}{{ le 2 2 }}{{ gt 1 2 }}{{ ge 2 2 }}{{ lt `a` `b` }}", "truetruefalsetruetrue"),
    ("{{ eq .Missing `x` }} {{ eq .Missing nil }} {{ ne .Missing `x` }}", "false true true"),
    ("{{ eq .Name 3 }}", None),
    ("{{ eq .Three 3.0 }}", None),
    ("{{ eq .List .List }}", None),
    ("{{ lt .Yes false }}", None),
    ("{{ eq .Name }}", None),
    # Loops.
    ("{{ range .List }}{{ . }},{{ end }}", "a,b,c,"),
    ("{{ range $i, $e := .List }}{{ $i }}{{ $e }} {{ end }}", "0a 1b 2c "),
    ("{{ range $e := .List }}{{ $e }}{{ $.Three }}{{ end }}", "a3b3c3"),
    ("{{ range $k, $v := .Map }}{{ $k }}={{ $v }};{{ end }}", "x=1;y=2;"),
    ("{{ range .None }}x{{ else }}none{{ end }}{{ range .Missing }}x{{ else }}none{{ end }}", "nonenone"),
    ("{{ range 3 }}{{ . }}{{ end }}", "012"),
    ("{{ range $i := .Three }}{{ $i }}{{ end }}", "012"),
    ("{{ range .List }}{{ if eq . `b` }}{{ continue }}{{ end }}{{ . }}{{ end }}", "ac"),
    ("{{ range .List }}{{ if eq . `b` }}{{ break }}{{ end }}{{ . }}{{ end }}", "a"),
    ("{{ range .Name }}{{ end }}", None),
    ("{{ range .Record }}{{ end }}", None),
    # Variables.
    ("{{ $x := .Name }}{{ $x }}{{ $x = 5 }}{{ $x }}", "Ada5"),
    ("{{ $last := `` }}{{ range .List }}{{ $last = . }}{{ end }}{{ $last }}", "c"),
    ("{{ $x := 1 }}{{ if .Yes }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
    ("{{ range .List }}{{ $x := . }}{{ end }}{{ $x }}", None),
    ("{{ $x }}", None),
    ("{{ $x = 1 }}", None),
    ("{{ $m := .Deep }}{{ $m.er.est }}", "here"),
    ("{{ $last := eq (len (slice .List 1)) 2 }}{{ $last }}", "true"),
    # Functions.
    ("{{ len .List }}{{ len .Name }}{{ len .Map }}{{ len `é` }}", "3322"),
    ("{{ index .List 1 }}{{ index .Map `x` }}{{ index .Deep `er` `est` }}{{ index .Map `z` }}", "b1here<no value>"),
    ("{{ index .Name 0 }}", "65"),
    ("{{ index .List 3 }}", None),
    ("{{ index .List -1 }}", None),
    ("{{ slice .List 1 }}{{ slice .List 1 2 }}{{ slice .Name 0 2 }}", "[b c][b]Ad"),
    ("{{ slice .List 4 }}", None),
    ("{{ len 3 }}", None),
    ("{{ print 1 2 `a` `b` 3 }}|{{ println `a` 1 }}", "1 2a b3|a 1\n".replace("a b", "ab")),
    ("{{ printf `%s is %d, %v and %5.2f%%` .Name .Three .Yes .Half }}", "Ada is 3, true and  0.50%"),
    ("{{ printf `%q %x %05d|%-4s|%4s` .Name 255 42 `a` `b` }}", '"Ada" ff 00042|a   |   b'),
    ("{{ printf `%d` .Name }} {{ printf `%d` }}", "%!d(string=Ada) %!d(MISSING)"),
    ("{{ printf `x` 1 }}", "x%!(EXTRA int=1)"),
    ("{{ html `<a>&\"'` }}", "&lt;a&gt;&amp;&#34;&#39;"),
    ("{{ .Name | printf `%s-%s` `x` }}", "x-Ada"),
    ("{{ json .Name }}{{ json .List }}{{ json .Arguments }}", '"Ada"["a","b","c"]{"b":1,"a":"\\u003cé\\u003e"}'),
    ("{{ json .Missing }}{{ json .Half }}{{ json .Yes }}", "null0.5true"),
    ("{{ unknown .Name }}", None),
    ("{{ .Name .Three }}", None),
    ("{{ .Three | .Name }}", None),
    ("{{ 3 | 4 }}", None),
    ("{{ nil }}", None),
    # What is printed.
    ("{{ .List }}{{ .Map }}{{ .Half }}{{ .Yes }}", "[a b c]map[x:1 y:2]0.5true"),
    ("{{ .Arguments }}{{ .Record }}{{ .Type }}", '{"b":1,"a":"\\u003cé\\u003e"}{"role":"user"}string'),
    (
        "{{ 1.0 }} {{ 1e3 }} {{ 1e21 }} {{ 0.00001 }} {{ 1234567890123456789.0 }} {{ 0x1F }} {{ -0x1F }}",
        "1 1000 1e+21 1e-05 1234567890123456800 31 -31",
    ),
    ('{{ \'a\' }}{{ "\\t\\"x\\"\\u00e9" }}{{ `raw \\n` }}', '97\t"x"éraw \\n'),
    ("{{ (index .List 0) }}{{ (.Deep).er.est }}", "ahere"),
    # Definitions.
    ('{{ define "x" }}<{{ . }}>{{ end }}{{ template "x" .Name }}{{ template "x" 3 }}', "<Ada><3>"),
    ('{{ template "x" .Name }}{{ define "x" }}{{ $ }}{{ end }}', "Ada"),
    ('{{ block "x" .Name }}[{{ . }}]{{ end }}', "[Ada]"),
    ('{{ template "x" }}', None),
    ('{{ $v := 1 }}{{ define "x" }}{{ $v }}{{ end }}{{ template "x" }}', None),
    # What is no template.
    ("{{ if .Yes }}", None),
    ("{{ end }}", None),
    ("{{ else }}", None),
    ("{{ if .Yes }}{{ else }}{{ else }}{{ end }}", None),
    ("{{ .Name", None),
    ("{{ }}", None),
    ("{{ if }}{{ end }}", None),
    ("{{ break }}", None),
    ("{{ range .List }}{{ define `x` }}{{ break }}{{ end }}{{ end }}", None),
    ("{{ (.Name }}", None),
    ("{{ .Name) }}", None),
    ("{{ `a }}", None),
    ('{{ "a\n" }}', None),
    ('{{ "\\z" }}', None),
    ("{{ .Name | }}", None),
    ("{{ a.b }}", None),
    ("{{ ? }}", None),
    ("{{ define x }}{{ end }}", None),
    ("{{ 'ab' }}", None),
]


@pytest.mark.parametrize(("source", "expected"), CASES)
def test_it_writes_what_go_writes(source: str, expected: str | None) -> None:
    if source == "{{ . }}":
        assert written(source).startswith("map[Arguments:")
    elif expected is not None:
        assert written(source) == expected
    elif "$ := 1" not in source:
        with pytest.raises(GoTemplateError):
            written(source)


def test_an_error_tells_its_line() -> None:
    with pytest.raises(GoTemplateError, match="line 3"):
        parse("a\nb\n{{ ? }}")


def test_dates_are_today_and_yesterday() -> None:
    today = f"{datetime.now().astimezone():%Y-%m-%d}"

    assert today in (written("{{ currentDate }}"), f"{datetime.now().astimezone():%Y-%m-%d}")
    assert written('{{ yesterdayDate "2006-01-02" }}') < written("{{ currentDate }}")


ENDLESS = [
    '{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
    '{{ define "x" }}{{ template "y" }}{{ end }}{{ define "y" }}{{ template "x" }}{{ end }}{{ template "x" }}',
    "{{ range 999999999 }}{{ range 999999999 }}{{ end }}{{ end }}",
    "{{ range 999999999 }}xxxxxxxxxx{{ end }}",
    "{{ printf `%999999999d` 1 }}",
    "{{ printf `%.999999999f` 1.0 }}",
    "{{ $x := `xx` }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}{{ $x }}",
    "{{ if .Yes }}" * 5000,
    "{{ if .Yes }}" * 200 + "{{ end }}" * 200,
    "{{ " + "(" * 100_000 + " }}",
    "{{ " + "not (" * 200 + ".Yes" + ")" * 200 + " }}",
    "{{ .Yes }}" * 60_000,
]


@pytest.mark.parametrize("source", ENDLESS, ids=[source[:40] for source in ENDLESS])
def test_a_template_without_end_is_stopped(source: str) -> None:
    with pytest.raises((GoTemplateError, MemoryError)):
        written(source)


@given(st.text(alphabet='{}- .$xif()|:="`range end\n', max_size=60))
def test_any_text_is_a_template_or_an_error(source: str) -> None:
    try:
        written(source, max_characters=1000)
    except GoTemplateError as exc:
        assert str(exc)


@given(st.text(max_size=40))
def test_data_is_never_run(text: str) -> None:
    assert written("{{ .Text }}", {"Text": text}) == text
