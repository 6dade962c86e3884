"""Rules of thumb reproduce the tables that people know."""

from __future__ import annotations

import pytest
from django.test import Client

from webui.administration.calculator import Shape, cache_bytes, sizes_by_precision, sizes_by_quantization

PAGE = "/administration/models/calculator/"
GB = 10**9
LLAMA_8B = Shape(n_layers=32, n_heads_kv=8, head_size=128)


def test_seven_billion_parameters_take_28_14_7_and_3_5_gigabytes() -> None:
    sizes = {size.name: size.weights / GB for size in sizes_by_precision(7 * 10**9)}

    assert sizes == {"FP32": 28, "FP16": 14, "INT8": 7, "INT4": 3.5}


@pytest.mark.parametrize(("name", "least", "most"), [("FP32", 350, 400), ("FP16", 175, 200), ("INT8", 85, 100)])
def test_72_billion_parameters_run_in_the_known_bands(name: str, least: int, most: int) -> None:
    """The founding notes' bands, which are rounded: ours begin and end within 2 % of them."""
    (size,) = (size for size in sizes_by_precision(72 * 10**9) if size.name == name)

    assert size.least / GB == pytest.approx(least, rel=0.02)
    assert size.most / GB == pytest.approx(most, rel=0.02)


def test_every_gguf_type_has_its_size() -> None:
    sizes = {size.name: size for size in sizes_by_quantization(8_030_000_000)}

    assert sizes["Q4_K_M"].weights / GB == pytest.approx(4.91, rel=0.01)
    assert sizes["F16"].weights > sizes["Q8_0"].weights > sizes["Q4_0"].weights > sizes["Q2_K"].weights


def test_the_cache_grows_with_context_and_users() -> None:
    assert cache_bytes(LLAMA_8B, context_length=8192, n_users=1) == 2**30
    assert cache_bytes(LLAMA_8B, context_length=4096, n_users=4) == 2 * 2**30


def test_the_page_calculates(root_client: Client) -> None:
    page = (
        root_client.get(
            PAGE,
            {
                "billions": "7",
                "quantization": "F16",
                "context": "8192",
                "users": "1",
                "layers": "32",
                "heads": "8",
                "head_size": "128",
            },
        )
        .content.decode()
        .replace("\xa0", " ")
    )

    assert "15.1 GB" in page
    assert "weights 14.0 GB, context 1.1 GB" in page
    assert "28.0 GB" in page
    assert "7B wants 16 GB" in page


def test_the_page_shows_a_7b_model_before_anything_is_asked(root_client: Client) -> None:
    assert "weights 4.3 GB" in root_client.get(PAGE).content.decode().replace("\xa0", " ")


@pytest.mark.parametrize("wrong", [{"billions": "-1"}, {"billions": "nan"}, {"quantization": "Q99"}, {"context": ""}])
def test_nonsense_is_told_beside_the_field(wrong: dict[str, str], root_client: Client) -> None:
    response = root_client.get(PAGE, {"billions": "7", "quantization": "F16", "context": "1", "users": "1"} | wrong)

    assert response.status_code == 422
    assert "field__error" in response.content.decode()
