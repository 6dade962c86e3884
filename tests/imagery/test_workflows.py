from __future__ import annotations

import json

import pytest

from tests.doubles.image_servers import WORKFLOW
from webui.imagery import workflows
from webui.imagery.errors import WorkflowRefused
from webui.imagery.types import ImagerySpec, Wish

FLUX = {
    "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "x", "clip": ["11", 0]}},
    "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}},
    "22": {"class_type": "BasicGuider", "inputs": {"model": ["12", 0], "conditioning": ["26", 0]}},
    "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev", "weight_dtype": "default"}},
    "11": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5", "clip_name2": "l", "type": "flux"}},
    "17": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 20, "model": ["12", 0]}},
    "27": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1024, "batch_size": 1}},
    "13": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {"noise": ["25", 0], "guider": ["22", 0], "sigmas": ["17", 0], "latent_image": ["27", 0]},
    },
}


def test_the_usual_workflow_is_understood() -> None:
    assert workflows.proposal(WORKFLOW) == {
        "prompt": ("6", "text"),
        "negative_prompt": ("7", "text"),
        "width": ("5", "width"),
        "height": ("5", "height"),
        "count": ("5", "batch_size"),
        "seed": ("3", "seed"),
        "steps": ("3", "steps"),
        "model": ("4", "ckpt_name"),
    }


def test_a_workflow_of_many_small_nodes_is_understood_by_its_links() -> None:
    assert workflows.proposal(FLUX) == {
        "prompt": ("6", "text"),
        "width": ("27", "width"),
        "height": ("27", "height"),
        "count": ("27", "batch_size"),
        "seed": ("25", "noise_seed"),
        "steps": ("17", "steps"),
        "model": ("12", "unet_name"),
    }


def test_links_that_go_round_come_to_an_end() -> None:
    loop = {
        "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0]}},
        "2": {"class_type": "Odd", "inputs": {"conditioning": ["2", 0], "again": ["1", 0]}},
    }

    assert workflows.proposal(loop) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not_json"),
        ("<html>", "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"1": {"class_type": "A", "inputs": {"x": NaN}}}', "not_json"),
        ("[]", "no_nodes"),
        ("{}", "no_nodes"),
        ('{"1": 2}', "no_nodes"),
        ('{"1": {"class_type": "A", "inputs": []}}', "no_nodes"),
        ('{"nodes": [], "links": []}', "of_the_page"),
        ("x" * (workflows.WORKFLOW_MAX_BYTES + 1), "too_large"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_workflow_is_refused_with_a_reason(text: str, problem: str) -> None:
    with pytest.raises(WorkflowRefused) as caught:
        workflows.read(text)

    assert caught.value.problem == problem


def test_odd_values_are_no_places_for_a_slot() -> None:
    inputs = {"seed": True, "steps": "20", "width": [1, 2, 3], "text": {"x": 1}, "ckpt_name": None}
    odd = {"1": {"class_type": "KSampler", "inputs": inputs, "_meta": "x"}}

    assert workflows.read(json.dumps(odd)) == odd
    assert workflows.proposal(odd) == {}


def test_a_node_is_called_as_people_have_named_it() -> None:
    titles = {one.place[0]: one.title for one in workflows.candidates(WORKFLOW, "prompt") if one.place[1] == "text"}

    assert titles == {"6": "Good (CLIPTextEncode)", "7": "CLIPTextEncode"}


def test_the_workflow_of_a_connection_stays_as_it_is() -> None:
    before = json.dumps(WORKFLOW)
    spec = ImagerySpec(
        uuid="", name="", kind="comfyui", url="", workflow=WORKFLOW, mapping=workflows.proposal(WORKFLOW)
    )

    made = workflows.filled(spec, Wish(prompt="a cat"))

    assert made["6"]["inputs"]["text"] == "a cat"
    assert made["7"]["inputs"]["text"] == "text, watermark"
    assert json.dumps(WORKFLOW) == before


@pytest.mark.parametrize("mapping", [{}, {"prompt": ("6", "clip")}, {"prompt": ("99", "text")}])
def test_a_mapping_that_does_not_fit_is_refused(mapping: dict[str, tuple[str, str]]) -> None:
    with pytest.raises(WorkflowRefused):
        workflows.check_mapping(WORKFLOW, mapping)  # type: ignore[arg-type]  # slots
