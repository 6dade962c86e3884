"""Workflows of ComfyUI: read, looked through for what can be filled in, and filled in. No I/O.

The form is the one that ComfyUI exports for programs: nodes by their ids, each with its class and its inputs; an input
is a value, or `[node, number]` where it comes from another node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from webui.imagery.conf import WORKFLOW_MAX_BYTES
from webui.imagery.errors import WorkflowRefused
from webui.imagery.types import SLOTS, ImagerySpec, Place, Slot, Wish

MAX_NODES: Final = 2000
MAX_NAME_CHARS: Final = 200
_TEXTS: Final[frozenset[Slot]] = frozenset({"prompt", "negative_prompt", "model"})
# What an input is called that a slot is usually found in, the likeliest first.
_NAMES: Final[Mapping[Slot, Sequence[str]]] = {
    "prompt": ("text", "prompt", "positive", "value", "string"),
    "negative_prompt": ("text", "negative_prompt", "negative", "value", "string"),
    "width": ("width",),
    "height": ("height",),
    "seed": ("seed", "noise_seed"),
    "steps": ("steps",),
    "model": ("ckpt_name", "unet_name", "model_name"),
    "count": ("batch_size",),
}
Workflow = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An input that a slot may be filled into. `title` is what people call the node; `value` is what it has now."""

    place: Place
    title: str
    value: str | int


def read(text: str | bytes) -> dict[str, Any]:
    """Return a workflow. Raises WorkflowRefused."""
    if len(text) > WORKFLOW_MAX_BYTES:
        raise WorkflowRefused("too_large")
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise WorkflowRefused("not_json") from exc
    if not isinstance(found, dict):
        raise WorkflowRefused("no_nodes")
    if isinstance(found.get("nodes"), list):
        raise WorkflowRefused("of_the_page")
    if not found or len(found) > MAX_NODES or not all(map(_is_node, found.values())):
        raise WorkflowRefused("no_nodes")
    return found


def _refuse_constant(name: str) -> None:
    # NaN and Infinity are none of JSON, and no database takes them.
    raise ValueError(name)


def _is_node(value: object) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("class_type"), str) and isinstance(value.get("inputs"), dict)
    )


def candidates(workflow: Workflow, slot: Slot) -> list[Candidate]:
    """Return the inputs that a slot may be filled into, those first that are called as it usually is."""
    wanted = _NAMES[slot]
    found = [
        Candidate(place=(node, name), title=_title(workflow[node]), value=value)
        for node, name, value in _inputs(workflow)
        if _fits(slot, value)
    ]
    return sorted(found, key=lambda one: wanted.index(one.place[1]) if one.place[1] in wanted else len(wanted))


def _inputs(workflow: Workflow) -> Iterator[tuple[str, str, Any]]:
    for node, content in workflow.items():
        for name, value in content["inputs"].items():
            yield node, name, value


def _fits(slot: Slot, value: object) -> bool:
    return isinstance(value, str) if slot in _TEXTS else isinstance(value, int) and not isinstance(value, bool)


def _title(node: Mapping[str, Any]) -> str:
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    kind = str(node["class_type"])
    words = f"{title} ({kind})" if isinstance(title, str) and title and title != kind else kind
    return words[:MAX_NAME_CHARS]


def proposal(workflow: Workflow) -> dict[Slot, Place]:
    """Return where the slots are in all likelihood, following the links from what samples; not all may be found."""
    found: dict[Slot, Place] = {}
    for sampler in _samplers(workflow):
        inputs = workflow[sampler]["inputs"]
        reached: dict[Slot, Sequence[str]] = {
            "prompt": _above(workflow, inputs, "positive", "conditioning", "guider"),
            "negative_prompt": _above(workflow, inputs, "negative"),
            **dict.fromkeys(("width", "height", "count"), _above(workflow, inputs, "latent_image", "latent")),
            "seed": [sampler, *_above(workflow, inputs, "noise")],
            "steps": [sampler, *_above(workflow, inputs, "sigmas")],
            "model": _above(workflow, inputs, "model", "guider"),
        }
        for slot, nodes in reached.items():
            if place := _first(workflow, nodes, slot):
                found.setdefault(slot, place)
    for slot in SLOTS:
        # Without a sampler that is known as one: by their names alone, unless two would be one place.
        named = [one.place for one in candidates(workflow, slot) if one.place[1] in _NAMES[slot]]
        if slot not in found and slot != "negative_prompt" and named:
            found[slot] = named[0]
    if found.get("negative_prompt") == found.get("prompt"):
        found.pop("negative_prompt", None)
    return found


def _samplers(workflow: Workflow) -> list[str]:
    """Return the nodes that sample: those that have what only samplers have."""
    links = ("positive", "latent_image", "guider", "sigmas")
    scores = {node: sum(link in content["inputs"] for link in links) for node, content in workflow.items()}
    named = {node: "sampler" in content["class_type"].lower() for node, content in workflow.items()}
    return sorted((node for node in workflow if scores[node] and named[node]), key=lambda node: -scores[node])


def _above(workflow: Workflow, inputs: Mapping[str, Any], *names: str) -> list[str]:
    """Return the nodes that some inputs come from, near ones first."""
    waiting = [link for name in names if (link := _link(workflow, inputs.get(name)))]
    seen: list[str] = []
    while waiting:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.append(node)
        waiting += [link for value in workflow[node]["inputs"].values() if (link := _link(workflow, value))]
    return seen


def _link(workflow: Workflow, value: object) -> str | None:
    is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return value[0] if is_link and value[0] in workflow else None  # type: ignore[index]  # a list


def _first(workflow: Workflow, nodes: Sequence[str], slot: Slot) -> Place | None:
    for node in nodes:
        inputs = workflow[node]["inputs"]
        for name in _NAMES[slot]:
            if name in inputs and _fits(slot, inputs[name]):
                return node, name
    return None


def check_mapping(workflow: Workflow, mapping: Mapping[Slot, Place]) -> None:
    """Raises WorkflowRefused when a slot is mapped to what is not there, or the prompt to nothing."""
    if "prompt" not in mapping:
        raise WorkflowRefused("no_prompt")
    for slot, (node, name) in mapping.items():
        if not _fits(slot, workflow.get(node, {}).get("inputs", {}).get(name)):
            raise WorkflowRefused("unmapped")


def filled(spec: ImagerySpec, wish: Wish) -> dict[str, Any]:
    """Return a connection's workflow with a wish in it. Raises WorkflowRefused."""
    check_mapping(spec.workflow, spec.mapping)
    values: dict[Slot, str | int | None] = {
        "prompt": wish.prompt,
        "negative_prompt": wish.negative_prompt or None,
        "width": wish.size.width,
        "height": wish.size.height,
        "seed": wish.seed,
        "steps": spec.steps,
        "model": spec.model or None,
        "count": wish.count,
    }
    workflow = {node: {**content, "inputs": {**content["inputs"]}} for node, content in spec.workflow.items()}
    for slot, (node, name) in spec.mapping.items():
        if (value := values[slot]) is not None:
            workflow[node]["inputs"][name] = value
    return workflow
