"""The verdict on a model: how it would be loaded, and what to do when it does not fit."""

from __future__ import annotations

from dataclasses import replace

from inference.library.models import LibraryModel
from inference.server.fitting import SMALLER_WINDOWS, Fit, fit_of, too_large
from inference.server.forecast import forecast
from inference.server.sizing import Sizing, Window
from tests.inference.server.fakes import GIGABYTE, make_model


def total(model: LibraryModel, n_ctx: int, n_slots: int) -> int:
    return forecast(model, n_ctx=n_ctx, n_slots=n_slots).total


def verdict(fit: Fit) -> tuple[bool, tuple[int, int] | None, str]:
    return fit.fits, (fit.best.n_ctx, fit.best.n_slots) if fit.best else None, fit.quantization


def test_a_model_with_room_to_spare_fits_as_it_is_planned() -> None:
    fit = fit_of(make_model(), Sizing(), 640 * GIGABYTE)

    assert verdict(fit) == (True, None, "")
    assert fit.planned.n_slots == 4
    assert fit.planned.needs == forecast(make_model(), n_ctx=fit.planned.n_ctx, n_slots=4)


def test_a_window_that_is_too_large_gives_way_to_the_largest_that_fits() -> None:
    model = make_model(context_length=32768)

    fit = fit_of(model, Sizing(context_length=32768), total(model, 8192, 1))

    assert (fit.planned.n_ctx, fit.planned.n_slots) == (32768, 1)
    assert verdict(fit) == (False, (8192, 1), "")


def test_fewer_users_are_proposed_before_a_smaller_window() -> None:
    model = make_model()

    fit = fit_of(model, Sizing(context_length=8192, num_parallel=4), total(model, 8192, 1))

    assert verdict(fit) == (False, (8192, 1), "")


def test_weights_that_are_too_large_need_a_smaller_quantization() -> None:
    """Q8_0 takes 8.5 bits; with little more than half of that, Q4_K_M is the best that is left."""
    header = make_model().header
    assert header is not None
    n_parameters = 8 * 10**9
    model = replace(
        make_model(), size_bytes=n_parameters * 17 // 16, header=replace(header, parameter_count=n_parameters)
    )
    overhead = total(model, 4096, 1) - model.size_bytes

    assert verdict(fit_of(model, Sizing(), overhead + 5 * GIGABYTE)) == (False, None, "Q4_K_M")
    assert verdict(fit_of(model, Sizing(), overhead + GIGABYTE)) == (False, None, "")
    assert verdict(fit_of(model, Sizing(), 0)) == (False, None, "")


def test_every_proposal_fits() -> None:
    model = make_model(context_length=32768)
    least, most = total(model, SMALLER_WINDOWS[-1], 1), total(model, 32768, 4)

    for free in range(least, most, (most - least) // 40):
        fit = fit_of(model, Sizing(context_length=32768, num_parallel=4), free)
        assert fit.best is not None
        assert fit.best.needs.total <= free


def test_a_refusal_tells_the_parts_and_what_fits() -> None:
    model = make_model()
    spec, _ = Sizing(num_parallel=4).plan(model, Window(n_ctx=8192), 0)

    tight = too_large(model, spec, total(model, 2048, 1))
    hopeless = too_large(model, spec, -1)

    assert (tight.model, hopeless.model) == ("tiny:latest", "tiny:latest")
    assert ": 1.0 GB for the weights, 1.1 GB for a context window of 8192 tokens in 4 slots, " in tight.detail
    assert tight.detail.endswith(" to work with; a context window of 2048 tokens in 1 slot fits")
    assert "is available (0 MB)" in hopeless.detail
    assert hopeless.detail.endswith("no setting of it fits")
