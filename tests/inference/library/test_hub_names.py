from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.library.errors import InvalidName, NoSuchFile
from inference.library.hub_names import (
    HubFile,
    HubModel,
    HubReference,
    choose,
    is_safe_path,
    models_among,
    name_for,
)

REPOSITORY = "alice/Tiny-GGUF"


@pytest.mark.parametrize(
    ("text", "wanted", "revision"),
    [
        ("hf.co/alice/Tiny-GGUF", "", "main"),
        ("hf.co/alice/Tiny-GGUF:latest", "", "main"),
        ("https://hf.co/alice/Tiny-GGUF:Q4_K_M", "Q4_K_M", "main"),
        ("huggingface.co/alice/Tiny-GGUF:tiny-q8_0.gguf", "tiny-q8_0.gguf", "main"),
        ("https://huggingface.co/alice/Tiny-GGUF/", "", "main"),
        ("HF.CO/alice/Tiny-GGUF", "", "main"),
        ("mirror.example:8080/alice/Tiny-GGUF:q8_0", "q8_0", "main"),
        ("https://huggingface.co/alice/Tiny-GGUF/tree/v1.0", "", "v1.0"),
        ("https://huggingface.co/alice/Tiny-GGUF/resolve/main/a-Q4_K_M.gguf?download=true", "a-Q4_K_M.gguf", "main"),
        ("https://huggingface.co/alice/Tiny-GGUF/blob/abc123/sub%20folder/a.gguf#top", "sub folder/a.gguf", "abc123"),
        ("https://huggingface.co/alice/Tiny-GGUF/resolve/refs%2Fpr%2F1/tiny.gguf", "tiny.gguf", "refs/pr/1"),
    ],
)  # fmt: skip
def test_what_people_write_is_understood(text: str, wanted: str, revision: str) -> None:
    reference = HubReference.parse(text, {"mirror.example:8080"})

    assert reference == HubReference(repository=REPOSITORY, wanted=wanted, revision=revision)


@pytest.mark.parametrize(
    "text", ["llama3.2:3b", "registry.example/alice/tiny", "hf.co.evil.example/alice/tiny", "", "/"]
)
def test_other_names_are_not_of_the_hub(text: str) -> None:
    assert HubReference.parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "hf.co",
        "hf.co/alice",
        "hf.co/alice/tiny:",
        "hf.co/../tiny",
        "hf.co/alice/..",
        "hf.co/alice/a..b",
        "hf.co/alice/tiny/more",
        "hf.co/-alice/tiny",
        "hf.co/alice/ti ny",
        "hf.co/alice/tiny/resolve/main",
        "hf.co/alice/tiny/resolve/main/../../../etc/passwd",
        "hf.co/alice/tiny/resolve/..%2F..%2Fmain/tiny.gguf",
        "hf.co/alice/tiny/resolve/main/%2E%2E/tiny.gguf",
        "hf.co/alice/tiny/resolve/main/a%00b.gguf",
        "hf.co/alice/tiny/resolve/main/a%5Cb.gguf",
        "hf.co/alice/tiny/tree/main/folder",
    ],
)
def test_a_reference_that_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        HubReference.parse(text)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        reference = HubReference.parse(f"hf.co/{text}")
    except InvalidName:
        return

    assert reference is not None
    assert ".." not in reference.repository
    assert not reference.wanted or "resolve" not in text or is_safe_path(reference.wanted)


def files(*paths: str) -> list[HubFile]:
    return [HubFile(path=path, size_bytes=1000 - index, sha256="0" * 64) for index, path in enumerate(paths)]


def chosen(wanted: str, *paths: str) -> HubModel:
    return choose(models_among(files(*paths)), HubReference(repository=REPOSITORY, wanted=wanted))


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("", "Tiny-Q4_K_M.gguf"),
        ("q8_0", "Tiny-Q8_0.gguf"),
        ("Q8_0", "Tiny-Q8_0.gguf"),
        ("f16", "Tiny-F16.gguf"),
        ("UD-Q4_K_XL", "Tiny-UD-Q4_K_XL.gguf"),
        ("Tiny-Q8_0.gguf", "Tiny-Q8_0.gguf"),
        ("tiny-q8_0", "Tiny-Q8_0.gguf"),
        ("old/Tiny-Q8_0.gguf", "old/Tiny-Q8_0.gguf"),
        ("BF16", "BF16/Tiny-BF16.gguf"),
    ],
)
def test_a_quantization_or_a_file_is_found(wanted: str, path: str) -> None:
    model = chosen(
        wanted, "README.md", "Tiny-F16.gguf", "Tiny-Q4_K_M.gguf", "Tiny-Q8_0.gguf", "Tiny-UD-Q4_K_XL.gguf",
        "old/Tiny-Q8_0.gguf", "BF16/Tiny-BF16-00001-of-00002.gguf", "BF16/Tiny-BF16-00002-of-00002.gguf",
        "mmproj-F16.gguf", "Tiny-lora-F16.gguf",
    )  # fmt: skip

    assert model.path == path


def test_without_the_usual_one_the_next_best_is_taken() -> None:
    assert chosen("", "a-F16.gguf", "a-Q5_K_M.gguf", "a-Q2_K.gguf").path == "a-Q5_K_M.gguf"
    assert chosen("", "odd-name.gguf").path == "odd-name.gguf"


def test_the_parts_of_a_split_file_are_one_model_in_order() -> None:
    model = chosen("q8_0", *(f"big-Q8_0-{n:05d}-of-00003.gguf" for n in (3, 1, 2)))

    assert [file.path[-19:-14] for file in model.files] == ["00001", "00002", "00003"]
    assert model.size_bytes == 1000 + 999 + 998


def test_a_split_file_without_one_of_its_parts_is_not_offered() -> None:
    with pytest.raises(NoSuchFile) as error:
        chosen("q8_0", "big-Q8_0-00001-of-00003.gguf", "big-Q8_0-00003-of-00003.gguf", "small-Q4_0.gguf")

    assert error.value.offered == ["Q4_0"]


def test_the_projector_comes_along() -> None:
    model = chosen("", "see-Q4_K_M.gguf", "mmproj-see-f32.gguf", "mmproj-see-f16.gguf", "other/mmproj-f16.gguf")

    assert model.projector is not None
    assert model.projector.path == "mmproj-see-f16.gguf"


def test_two_models_in_one_repository_must_be_told_apart() -> None:
    with pytest.raises(NoSuchFile) as error:
        chosen("Q4_K_M", "small-Q4_K_M.gguf", "large-Q4_K_M.gguf")

    assert error.value.is_ambiguous
    assert set(error.value.offered) == {"small-Q4_K_M.gguf", "large-Q4_K_M.gguf"}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("", "hf.co/alice/Tiny-GGUF:latest"),
        ("q8_0", "hf.co/alice/Tiny-GGUF:q8_0"),
        ("Tiny-Q8_0.gguf", "hf.co/alice/Tiny-GGUF:Q8_0"),
        ("a/Tiny-F16.gguf", "hf.co/alice/Tiny-GGUF:Tiny-F16.gguf"),
    ],
)
def test_a_model_is_kept_by_a_name_that_finds_it_again(wanted: str, name: str) -> None:
    models = models_among(files("Tiny-Q4_K_M.gguf", "Tiny-Q8_0.gguf", "a/Tiny-F16.gguf", "b/Tiny-F16.gguf"))
    reference = HubReference(repository=REPOSITORY, wanted=wanted)

    assert name_for(reference, choose(models, reference), models).short == name
