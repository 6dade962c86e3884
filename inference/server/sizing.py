"""Choose the context window and the slots of a model that is about to be loaded, by the memory there is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from inference.library.models import LibraryModel
from inference.runner.types import KvType, RunnerSpec
from inference.server.forecast import Forecast, forecast
from inference.server.kept import KeptSettings, baked_settings
from inference.server.loading import AS_IT_IS, Loading
from inference.server.options import MAX_CONTEXT
from inference.types import LoadSettings

AUTOMATIC_SLOTS = (4, 2, 1)
AUTOMATIC_SIZES = ((32768, 4), (16384, 4), (8192, 4), (8192, 2), (4096, 4), (4096, 2), (4096, 1))
"""(context window, slots) to choose from when nobody asked for a certain one, the best first."""

COMFORTABLE_SHARE = 0.6
COMFORTABLE_CACHE_SHARE = 0.25
"""Of the free memory: a smaller choice is made while the whole model, or its cache, would take more than this."""

TIGHT_SHARE = 0.9
"""Of the free memory: what a single slot may take when a long request needs it."""

SMALLEST_WISH = 4096
"""Every window that is chosen automatically has at least this many tokens."""

LONGEST_EMBEDDED = 8192
EMBEDDING_SLOTS = 32
"""They take no memory: the runner lets its callers take turns, and a question must not wait here for documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one request wants of the context window.

    Attributes:
        n_ctx: Tokens; None takes what there is.
        is_wish: A smaller window is better than none.
        loading: What else is asked of the way the model is loaded.
        spec: Exactly this is to be loaded, whatever is there.
    """

    n_ctx: int | None = None
    is_wish: bool = False
    loading: Loading = AS_IT_IS
    spec: RunnerSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the server fixes for all models; None lets the memory decide.

    Attributes:
        num_parallel: Slots of every chat model.
        context_length: Tokens of a window when a request names none.
        kv_type, flash_attention, parked_folder, parked_bytes: As in `RunnerSpec`, for all chat models.
        kept: What is fixed for single models, and comes first.
    """

    num_parallel: int | None = None
    context_length: int | None = None
    kv_type: KvType = "f16"
    parked_folder: Path | None = None
    parked_bytes: int = 0
    flash_attention: bool | None = None
    kept: KeptSettings = field(default_factory=KeptSettings)

    def window(self, model: LibraryModel, n_ctx: int | None, wished_ctx: int, loading: Loading = AS_IT_IS) -> Window:
        """Return the window for a request that needs `n_ctx` tokens, or without that surely fits into `wished_ctx`."""
        kept_ctx = self.kept.of(model.name).num_ctx
        is_wish = not n_ctx and not kept_ctx and not self.context_length and wished_ctx > SMALLEST_WISH
        if kept_ctx and not n_ctx and wished_ctx > SMALLEST_WISH:
            n_ctx = kept_ctx  # A smaller window that somebody asked for is good enough for a short question only.
        wanted = 1 << (wished_ctx - 1).bit_length() if is_wish else n_ctx
        if wanted and model.context_length:
            wanted = min(wanted, model.context_length)
        return Window(n_ctx=wanted or None, is_wish=is_wish, loading=loading)

    def plan(
        self, model: LibraryModel, window: Window, free_bytes: int, settings: LoadSettings | None = None
    ) -> tuple[RunnerSpec, int]:
        """Return what to start for a request, and the bytes it takes: the largest choice that is comfortable.

        Args:
            settings: Take the place of those that are kept for the model.
        """
        if window.spec is not None:
            return window.spec, forecast_of(model, window.spec).total
        baked = baked_settings(model.baked.options)
        given = self.kept.of(model.name) if settings is None else settings
        loading = window.loading.over(Loading.kept(given)).over(Loading.kept(baked))
        if not model.can_chat:
            loading = replace(loading, n_slots=None, kv_type=None)
        kv_type = (loading.kv_type or self.kv_type) if model.can_chat else "f16"
        fixed_ctx = given.num_ctx or baked.num_ctx or self.context_length
        for n_ctx, n_slots in _choices(model, window, fixed_ctx, loading.n_slots or self.num_parallel):
            size = forecast(model, n_ctx=n_ctx, n_slots=n_slots, kv_type=kv_type, flash=self.flash_attention)
            if size.total <= free_bytes * COMFORTABLE_SHARE and size.cache <= free_bytes * COMFORTABLE_CACHE_SHARE:
                break
            if window.is_wish and n_slots == 1 and size.total <= free_bytes * TIGHT_SHARE:
                break
        spec = RunnerSpec(
            kind=model.kind,
            model=model.name.short,
            path=model.path,
            n_ctx=n_ctx,
            n_slots=n_slots,
            embedding=model.is_embedding,
            adapters=model.adapters,
            projector=model.projector,
            kv_type=kv_type,
            parked_folder=self.parked_folder if model.can_chat else None,
            parked_bytes=self.parked_bytes,
            flash_attention=self.flash_attention,
            template=model.chat_template,
        )
        return loading.applied_to(spec), size.total


def forecast_of(model: LibraryModel, spec: RunnerSpec) -> Forecast:
    return forecast(model, n_ctx=spec.n_ctx, n_slots=spec.n_slots, kv_type=spec.kv_type, flash=spec.flash_attention)


def _choices(
    model: LibraryModel, window: Window, fixed_ctx: int | None, fixed_slots: int | None
) -> list[tuple[int, int]]:
    longest = model.context_length or MAX_CONTEXT
    if not model.can_chat:
        return [(min(longest, LONGEST_EMBEDDED), EMBEDDING_SLOTS)]
    if window.is_wish and window.n_ctx:
        wished = [(window.n_ctx, fixed_slots or count) for count in AUTOMATIC_SLOTS]
        smaller = [(n_ctx, 1) for n_ctx, _count in AUTOMATIC_SIZES if n_ctx < window.n_ctx]
        return wished + smaller
    asked = window.n_ctx or fixed_ctx
    if asked:
        return [(min(asked, longest), count) for count in ((fixed_slots,) if fixed_slots else AUTOMATIC_SLOTS)]
    return [(min(n_ctx, longest), fixed_slots or count) for n_ctx, count in AUTOMATIC_SIZES]
