"""Whether a model would fit into the memory of this machine, said before anybody tries: the verdict for people."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference.library.models import LibraryModel
from inference.quantizations import best_quantization
from inference.server.forecast import Forecast, forecast
from inference.server.sizing import Sizing, Window

SMALLER_WINDOWS = (65536, 32768, 16384, 8192, 4096, 2048, 1024, 512)
"""Tried when the planned one does not fit, the largest first."""


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
    """

    planned: Setting
    free_bytes: int
    best: Setting | None = None
    quantization: str = ""

    @property
    def fits(self) -> bool:
        return self.planned.needs.total <= self.free_bytes


def fit_of(model: LibraryModel, sizing: Sizing, free_bytes: int) -> Fit:
    spec, _needs = sizing.plan(model, Window(), free_bytes)
    fit = Fit(planned=_setting(model, spec.n_ctx, spec.n_slots), free_bytes=free_bytes)
    if fit.fits or model.header is None:
        return fit
    best = next(
        (
            setting
            for setting in (_setting(model, n_ctx, 1) for n_ctx in SMALLER_WINDOWS if n_ctx < spec.n_ctx)
            if setting.needs.total <= free_bytes
        ),
        None,
    )
    if spec.n_slots > 1 and (one_slot := _setting(model, spec.n_ctx, 1)).needs.total <= free_bytes:
        best = one_slot
    if best is not None:
        return replace(fit, best=best)
    smallest = _setting(model, min(4096, spec.n_ctx), 1).needs
    room = free_bytes - smallest.cache - smallest.work
    return replace(fit, quantization=best_quantization(model.header.parameter_count, room))


def _setting(model: LibraryModel, n_ctx: int, n_slots: int) -> Setting:
    return Setting(n_ctx=n_ctx, n_slots=n_slots, needs=forecast(model, n_ctx=n_ctx, n_slots=n_slots))
