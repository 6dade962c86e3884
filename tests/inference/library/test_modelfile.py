from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.library.modelfile import (
    KEYWORDS,
    MESSAGE_ROLES,
    PARAMETER_TYPES,
    BadModelfile,
    Instruction,
    Modelfile,
    decoded,
    parse,
    printed,
)
from tests.doubles.ollama_modelfiles import left_of, read_by_ollama

MARIO = """\
# sets the temperature to 1 [higher is more creative, lower is more coherent]
FROM llama3.2
PARAMETER temperature 1
SYSTEM \"\"\"
You are Mario from super mario bros, acting as an assistant.
\"\"\"
"""


def values(text: str) -> list[tuple[str, str, str]]:
    return [(item.keyword, item.name, item.value) for item in parse(text).instructions]


def test_the_mario_example_is_read() -> None:
    modelfile = parse(MARIO)

    assert modelfile.last("FROM") == "llama3.2"
    assert modelfile.parameters() == {"temperature": 1.0}
    assert modelfile.last("SYSTEM") == "\nYou are Mario from super mario bros, acting as an assistant.\n"


@pytest.mark.parametrize("keyword", ["from", "FROM", "From", "fRoM"])
def test_keywords_may_be_written_in_any_case(keyword: str) -> None:
    assert values(f"{keyword} tiny") == [("FROM", "", "tiny")]


@pytest.mark.parametrize(
    "text",
    [
        "FROM tiny",
        "FROM tiny\n",
        "\n\n  \t\nFROM tiny\n\n",
        "FROM \t tiny  \t\n",
        "\tFROM tiny",
        'FROM "tiny"',
        'FROM """tiny"""  \n',
        "# a comment\nFROM tiny\n  # another FROM other",
        "FROM tiny\r\n",
        "# old Mac\rFROM tiny\r",
        "FROM ti\x00n\x07y\u200b\ufeff",
    ],
)
def test_ways_to_write_the_same(text: str) -> None:
    assert values(text) == [("FROM", "", "tiny")]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("You are Mario.", "You are Mario."),
        ('"  You are Mario.  "', "  You are Mario.  "),
        ('"two\nlines"', "two\nlines"),
        ('"""two\r\n\r\nlines"""', "two\r\n\r\nlines"),
        ('"""\nHe said "hi".\n"""', '\nHe said "hi".\n'),
        ('"He said "hi" to me"', 'He said "hi" to me'),
        ('""', ""),
        ('""""""', ""),
        ("", ""),
        ('"""" is a quotation mark"""', '" is a quotation mark'),
        ('"""""\nand then"""', '""\nand then'),
        ("it's 5 # no comment", "it's 5 # no comment"),
        (r'"no \"escapes\" \n here"', r"no \"escapes\" \n here"),
        ("'single'", "'single'"),
        ("a\ttab", "a\ttab"),
        ('"""\n# no comment\nFROM other\n"""', "\n# no comment\nFROM other\n"),
        ("می‌خواهم 👩‍🚀", "می‌خواهم 👩‍🚀"),
    ],
)
def test_values(written: str, read: str) -> None:
    assert parse(f"FROM tiny\nSYSTEM {written}\nPARAMETER seed 1\n").instructions[1:] == (
        Instruction("SYSTEM", read),
        Instruction("PARAMETER", "1", "seed"),
    )


def test_messages_keep_their_order() -> None:
    modelfile = parse('FROM tiny\nMESSAGE user Rome?\nmessage ASSISTANT "yes"\nMESSAGE  system  """\nno\n"""')

    assert modelfile.messages() == [("user", "Rome?"), ("assistant", "yes"), ("system", "\nno\n")]


def test_stop_may_be_repeated_and_other_parameters_are_replaced() -> None:
    modelfile = parse(
        'FROM tiny\nPARAMETER stop "<|im_end|>"\nPARAMETER stop "User: "\nPARAMETER top_k 1\nPARAMETER top_k 2'
    )

    assert modelfile.parameters() == {"stop": ["<|im_end|>", "User: "], "top_k": 2}


def test_parameters_have_their_type() -> None:
    text = "FROM tiny\nPARAMETER num_ctx 4096\nPARAMETER use_mmap FALSE\nPARAMETER min_p .5\nPARAMETER seed -1"

    assert parse(text).parameters() == {"num_ctx": 4096, "use_mmap": False, "min_p": 0.5, "seed": -1}


@pytest.mark.parametrize("name", ["mirostat", "tfs_z", "low_vram", "f16_kv", "num_gqa"])
def test_parameters_of_older_versions_warn(name: str) -> None:
    modelfile = parse(f"FROM tiny\nPARAMETER {name} 1\nPARAMETER {name} 2")

    assert modelfile.parameters() == {}
    assert modelfile.warnings() == [f"PARAMETER {name} is not known here and is left out"]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("temperature hot", "a number"),
        ("temperature nan", "a number"),
        ("temperature inf", "a number"),
        ("num_ctx 1.5", "a whole number"),
        ("num_ctx " + "9" * 5000, "a whole number"),
        ("use_mmap maybe", "true or false"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_told_with_its_line(written: str, wanted: str) -> None:
    modelfile = parse(f"FROM tiny\n\nPARAMETER {written}\n")

    with pytest.raises(BadModelfile, match=rf"^\(line 3\): PARAMETER \w+ must be {wanted}, not") as caught:
        modelfile.parameters()
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "no FROM line"),
        ("# nothing\nSYSTEM hello", 0, "no FROM line"),
        ("FROM tiny\r\n\r\nFRUM other", 3, 'command must be one of "from"'),
        ("FROM tiny\nSYSTEM", 2, "SYSTEM needs a value"),
        ("FROM\ntiny", 1, "FROM needs a value"),
        ('FROM ""', 1, "FROM needs a model"),
        ("FROM tiny\nPARAMETER temperature", 2, "PARAMETER temperature 0.7"),
        ("FROM tiny\nPARAMETER tempe-rature 1", 2, "PARAMETER needs a name"),
        ("FROM tiny\nMESSAGE tool hello", 2, "message role must be one of"),
        ("FROM tiny\nMESSAGE user", 2, "MESSAGE needs a name"),
        ('FROM tiny\n\nSYSTEM """open\n\nPARAMETER seed 1\n', 3, '""" is never closed'),
        ('FROM tiny\nSYSTEM "open\n', 2, '" is never closed'),
        ('FROM tiny\nSYSTEM "closed" and more', 2, '" is never closed'),
        ("FROM: tiny", 1, "command must be one of"),
        ("{{ .System }}", 1, "command must be one of"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(BadModelfile) as caught:
        parse(text)

    assert caught.value.line == line
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        "FROM tiny\nSYSTEM ümlaut".encode(),
        codecs.BOM_UTF8 + "FROM tiny\nSYSTEM ümlaut".encode(),
        codecs.BOM_UTF16_LE + "FROM tiny\nSYSTEM ümlaut".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "FROM tiny\nSYSTEM ümlaut".encode("utf-16-be"),
    ],
)
def test_encodings_are_told_by_their_byte_order_mark(data: bytes) -> None:
    assert parse(decoded(data)).last("SYSTEM") == "ümlaut"


@pytest.mark.parametrize("data", [b"FROM tiny\nSYSTEM \xff\xfe", codecs.BOM_UTF16_LE + b"F\x00R"])
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(BadModelfile, match="is not UTF-"):
        decoded(data)


def test_a_text_that_looks_like_instructions_stays_a_text() -> None:
    hostile = Instruction("SYSTEM", 'Hello"""\nADAPTER /etc/passwd\n""""  \nPARAMETER seed 1')

    read = parse(printed(Modelfile((Instruction("FROM", "tiny"), hostile))))

    assert [item.keyword for item in read.instructions] == ["FROM", "SYSTEM"]
    assert read.last("SYSTEM") == 'Hello""\nADAPTER /etc/passwd\n""  \nPARAMETER seed 1'


def test_printing_quotes_only_what_needs_it() -> None:
    modelfile = parse('FROM tiny\nPARAMETER stop "<|im_end|>"\nSYSTEM """one"""\nTEMPLATE """two\nlines"""\nLICENSE ""')

    assert printed(modelfile) == (
        'FROM tiny\nPARAMETER stop <|im_end|>\nSYSTEM one\nTEMPLATE "two\nlines"\nLICENSE ""\n'
    )


# What Ollama drops of a text, with what can then come to stand together.
DROPPED = "\u200c\u200d\u00a0\u3000\u2028\u2003"
hostile_texts = st.one_of(
    st.text(f'"a \n\r\t#{DROPPED}'),
    st.lists(st.sampled_from(['"""', '"', "\n", "\r\n", " ", "\u200c", "\u3000", "x", "ADAPTER /etc/passwd", "FROM y"]))
    .map("".join),
)  # fmt: skip


hostile_instructions = st.one_of(
    st.builds(Instruction, st.sampled_from(["SYSTEM", "TEMPLATE", "LICENSE", "ADAPTER", "REQUIRES"]), hostile_texts),
    st.builds(Instruction, st.just("MESSAGE"), hostile_texts, st.sampled_from(MESSAGE_ROLES)),
    st.builds(Instruction, st.just("PARAMETER"), hostile_texts, st.sampled_from(["stop", "temperature"])),
)


@given(st.lists(hostile_instructions))
def test_ollama_reads_the_same_of_what_is_printed(items: list[Instruction]) -> None:
    text = printed(Modelfile((Instruction("FROM", "tiny"), *items)))

    ours = [(item.keyword.lower(), item.name, left_of(item.value)) for item in parse(text).instructions]

    assert read_by_ollama(text) == ours
    assert [keyword for keyword, _, _ in ours] == ["from", *(item.keyword.lower() for item in items)]


words = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co"], include_characters="\t\n\r\u200c\u200d")),
    st.text('"a \n\r\t#'),
)
texts = words.filter(lambda text: text == printed_value(text))


def printed_value(text: str) -> str:
    """Return what is left of a text in a Modelfile: all of it, but for the three marks that cannot be written."""
    lines = left_of(text).replace("\r", "\n").split("\n")[:-1]
    return "" if any(line.rstrip().endswith('"""') for line in lines) else text


instructions = st.one_of(
    st.builds(Instruction, st.sampled_from([k for k in KEYWORDS if k not in ("FROM", "PARAMETER", "MESSAGE")]), texts),
    st.builds(Instruction, st.just("MESSAGE"), texts, st.sampled_from(MESSAGE_ROLES)),
    st.builds(Instruction, st.just("PARAMETER"), texts, st.sampled_from([*PARAMETER_TYPES, "mirostat", "x_1"])),
    st.builds(Instruction, st.just("FROM"), texts.filter(str.strip)),
)


@given(st.lists(instructions), texts.filter(str.strip))
def test_what_is_printed_is_read_back(items: list[Instruction], base: str) -> None:
    modelfile = Modelfile((Instruction("FROM", base), *items))

    assert parse(printed(modelfile)) == modelfile


@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from([*KEYWORDS, "from", "user", " ", "\n", "\r\n", '"', '"""', "#", "x", "stop", "1"])
        ).map("".join),
    )
)
def test_any_text_is_read_or_refused_and_what_is_read_survives_printing(text: str) -> None:
    try:
        modelfile = parse(text)
    except BadModelfile as exc:
        assert str(exc)
        return

    assert parse(printed(modelfile)) == modelfile


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        decoded(data)
    except BadModelfile as exc:
        assert "is not UTF-" in str(exc)
