from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.library.errors import InvalidName
from inference.library.names import ModelName, name_of_file, part_of_split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("qwen2", ("registry.ollama.ai", "library", "qwen2", "latest")),
        ("qwen2:7b", ("registry.ollama.ai", "library", "qwen2", "7b")),
        ("alice/qwen2:7b", ("registry.ollama.ai", "alice", "qwen2", "7b")),
        ("hf.co/alice/Qwen2-GGUF:Q4_K_M", ("hf.co", "alice", "Qwen2-GGUF", "Q4_K_M")),
        ("localhost:5000/alice/tiny", ("localhost:5000", "alice", "tiny", "latest")),
        ("https://hf.co/alice/tiny", ("hf.co", "alice", "tiny", "latest")),
        ("qwen2:7b@sha256:" + "0" * 64, ("registry.ollama.ai", "library", "qwen2", "7b")),
    ],
)
def test_a_name_is_completed_with_the_defaults(text: str, parts: tuple[str, str, str, str]) -> None:
    name = ModelName.parse(text)

    assert (name.host, name.namespace, name.model, name.tag) == parts


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "/", "a/b/c/d", "..", "../x", "a/../b", "x:", ":x", "x:..", "-rf", ".hidden", "a b", "x:t/u", "x\0y",
        "é", "../../etc/passwd", "a/b/../../x", "m" * 81, "hf.co//x", "n.dots/x",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        ModelName.parse(text)


@given(st.text(max_size=60))
def test_whatever_is_accepted_stays_below_the_manifests_folder(text: str) -> None:
    try:
        name = ModelName.parse(text)
    except InvalidName:
        return

    path = Path("/store") / name.manifest_path
    assert ".." not in path.parts
    assert path.is_relative_to("/store")
    assert len(path.parts) == 6
    assert ModelName.parse(name.short) == name


@pytest.mark.parametrize("text", ["qwen2:latest", "alice/qwen2:7b", "hf.co/alice/tiny:Q8_0"])
def test_the_short_form_leaves_the_defaults_out_but_shows_the_tag(text: str) -> None:
    assert ModelName.parse(text).short == text


def test_names_are_looked_up_without_regard_to_case() -> None:
    assert ModelName.parse("Qwen2:7B").key == ModelName.parse("qwen2:7b").key


def test_a_manifest_path_becomes_a_name_only_with_four_valid_parts() -> None:
    assert ModelName.from_manifest_path(PurePosixPath("hf.co/alice/tiny/latest")).short == "hf.co/alice/tiny:latest"
    with pytest.raises(InvalidName):
        ModelName.from_manifest_path(PurePosixPath("hf.co/alice/tiny"))
    with pytest.raises(InvalidName):
        ModelName.from_manifest_path(PurePosixPath("hf.co/alice/tiny/.DS_Store"))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Qwen2.5-0.5B-Instruct-Q4_K_M.gguf", "qwen2.5-0.5b-instruct:q4_k_m"),
        ("llama-3.2-1b-instruct.Q8_0.gguf", "llama-3.2-1b-instruct:q8_0"),
        ("gemma-3-4b-it-UD-Q4_K_XL.gguf", "gemma-3-4b-it:ud-q4_k_xl"),
        ("model-IQ2_XXS.gguf", "model:iq2_xxs"),
        ("model-BF16.gguf", "model:bf16"),
        ("gpt-oss-20b-MXFP4.gguf", "gpt-oss-20b:mxfp4"),
        ("phi4.gguf", "phi4:latest"),
        ("big-Q4_K_M-00001-of-00003.gguf", "big:q4_k_m"),
        ("My model (final).gguf", "my-model-final:latest"),
        ("...gguf", "model:latest"),
    ],
)
def test_a_file_name_becomes_a_readable_name(file: str, name: str) -> None:
    derived = name_of_file(Path(file))

    assert derived.short == name
    assert ModelName.parse(derived.short) == derived


def test_the_parts_of_a_split_file_are_recognised() -> None:
    assert part_of_split(Path("big-00002-of-00003.gguf")) == (2, 3)
    assert part_of_split(Path("big.gguf")) == (1, 1)
