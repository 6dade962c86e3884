"""Whether a model would fit into the memory of this machine, said before anybody tries: the verdict for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.errors import ModelLoadFailed
from inference.library.models import LibraryModel
from inference.quantizations import best_quantization
from inference.runner.types import RunnerSpec
from inference.server.forecast import Forecast
from inference.server.memory import human_bytes
from inference.server.offload import Offload, offload, weights_of
from inference.server.sizing import Sizing, Window, forecast_of
from inference.types import LoadSettings

SMALLER_WINDOWS = (65536, 32768, 16384, 8192, 4096, 2048, 1024, 512)
"""Tried when the planned one does not fit, the largest first."""

LEAST_WINDOW = 4096
"""A window that is worth a smaller quantization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A context window for each of some slots, and what the model takes with them."""

    n_ctx: int
    n_slots: int
    needs: Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The verdict on one model.

    Attributes:
        planned: How it would be loaded for an ordinary question.
        free_bytes: What one model may take when all others are unloaded.
        best: The largest setting that does fit; None when the planned one does, or when none does.
        quantization: The best one of this model that would fit; empty when this file fits, or none would.
        offload: How much of it graphics cards can take that are there and cannot take all that is to lie on them.
    """

    planned: Setting
    free_bytes: int
    best: Setting | None = None
    quantization: str = ""
    offload: Offload | None = None

    @property
    def fits(self) -> bool:
        return self.planned.needs.total <= self.free_bytes


def fit_of(
    model: LibraryModel,
    sizing: Sizing,
    free_bytes: int,
    settings: LoadSettings | None = None,
    cards: Sequence[int] = (),
) -> Fit:
    """Tell whether a model fits, as it would be loaded for an ordinary question, or with these settings.

    Args:
        cards: Free memory of each graphics card. With any, the tensors in the model's files are read.
    """
    spec, needs_bytes = sizing.plan(model, Window(), free_bytes, settings)
    fit = Fit(planned=_setting(model, spec), free_bytes=free_bytes)
    if needs_bytes > free_bytes:
        best, quantization = _best_setting(model, spec, free_bytes), _quantization(model, spec, free_bytes)
        fit = replace(fit, best=best, quantization=quantization)
        spec = replace(spec, n_ctx=best.n_ctx, n_slots=best.n_slots) if best else spec
    return replace(fit, offload=_offload(model, spec, cards)) if cards else fit


def _offload(model: LibraryModel, spec: RunnerSpec, cards: Sequence[int]) -> Offload | None:
    if model.header is None or not model.can_chat:
        return None
    weights = weights_of(model.path, model.digest, model.header.block_count or 0)
    if weights is None:
        return None
    found = offload(model.header, weights, spec, cards)
    asked = found.n_all if spec.n_gpu_layers is None else spec.n_gpu_layers
    return found if found.n_layers < min(asked, found.n_all) else None


def too_large(model: LibraryModel, spec: RunnerSpec, free_bytes: int) -> ModelLoadFailed:
    """Return the error that tells by what a model exceeds the free memory, and what would fit."""
    needs = _setting(model, spec).needs
    return ModelLoadFailed(
        model.name.short,
        f"model requires more system memory ({human_bytes(needs.total)}) than is available "
        f"({human_bytes(max(0, free_bytes))}): {_parts(needs, spec)}; {_advice(model, spec, free_bytes)}",
    )


def ran_out(model: LibraryModel, spec: RunnerSpec, detail: str) -> ModelLoadFailed:
    """Return the error that tells what a model was to take for which the memory did not last after all."""
    needs = _setting(model, spec).needs
    return ModelLoadFailed(
        model.name.short,
        f"{detail}; {human_bytes(needs.total)} were expected: {_parts(needs, spec)}. "
        "A smaller context window takes less",
    )


def _parts(needs: Forecast, spec: RunnerSpec) -> str:
    return (
        f"{human_bytes(needs.weights)} for the weights, "
        f"{human_bytes(needs.cache)} for a context window of {_in_words(spec.n_ctx, spec.n_slots)}, "
        f"{human_bytes(needs.work)} to work with"
    )


def _advice(model: LibraryModel, spec: RunnerSpec, free_bytes: int) -> str:
    best = _best_setting(model, spec, free_bytes)
    if best is not None:
        return f"a context window of {_in_words(best.n_ctx, best.n_slots)} fits"
    quantization = _quantization(model, spec, free_bytes)
    return f"its {quantization} quantization would fit" if quantization else "no setting of it fits"


def _in_words(n_ctx: int, n_slots: int) -> str:
    return f"{n_ctx} tokens in {n_slots} slot{'s' if n_slots > 1 else ''}"


def _best_setting(model: LibraryModel, spec: RunnerSpec, free_bytes: int) -> Setting | None:
    """Return the largest setting that fits: the same window for one person, or else the largest smaller window."""
    if not model.can_chat:
        return None
    smaller = (n_ctx for n_ctx in SMALLER_WINDOWS if n_ctx < spec.n_ctx)
    settings = (_setting(model, replace(spec, n_ctx=n_ctx, n_slots=1)) for n_ctx in (spec.n_ctx, *smaller))
    return next((setting for setting in settings if setting.needs.total <= free_bytes), None)


def _quantization(model: LibraryModel, spec: RunnerSpec, free_bytes: int) -> str:
    """Return the best quantization of a model that fits when no setting of this file does; empty without one."""
    if model.header is None or _best_setting(model, spec, free_bytes) is not None:
        return ""
    smallest = _setting(model, replace(spec, n_ctx=min(LEAST_WINDOW, spec.n_ctx), n_slots=1)).needs
    return best_quantization(model.header.parameter_count, free_bytes - smallest.cache - smallest.work)


def _setting(model: LibraryModel, spec: RunnerSpec) -> Setting:
    return Setting(n_ctx=spec.n_ctx, n_slots=spec.n_slots, needs=forecast_of(model, spec))
