"""Choose the context window and the slots of a model that is about to be loaded, by the memory there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference.library.models import LibraryModel
from inference.runner.types import KvType, RunnerSpec
from inference.server.forecast import forecast
from inference.server.loading import AS_IT_IS, Loading
from inference.server.options import MAX_CONTEXT

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
    """

    n_ctx: int | None = None
    is_wish: bool = False
    loading: Loading = AS_IT_IS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the server fixes for all models; None lets the memory decide.

    Attributes:
        num_parallel: Slots of every chat model.
        context_length: Tokens of a window when a request names none.
        kv_type, flash_attention, parked_folder, parked_bytes: As in `RunnerSpec`, for all chat models.
    """

    num_parallel: int | None = None
    context_length: int | None = None
    kv_type: KvType = "f16"
    parked_folder: Path | None = None
    parked_bytes: int = 0
    flash_attention: bool | None = None

    def window(self, model: LibraryModel, n_ctx: int | None, wished_ctx: int, loading: Loading = AS_IT_IS) -> Window:
        """Return the window for a request that needs `n_ctx` tokens, or without that surely fits into `wished_ctx`."""
        is_wish = not n_ctx and not self.context_length and wished_ctx > SMALLEST_WISH
        wanted = 1 << (wished_ctx - 1).bit_length() if is_wish else n_ctx
        if wanted and model.context_length:
            wanted = min(wanted, model.context_length)
        return Window(n_ctx=wanted or None, is_wish=is_wish, loading=loading)

    def plan(self, model: LibraryModel, window: Window, free_bytes: int) -> tuple[RunnerSpec, int]:
        """Return what to start for a request, and the bytes it takes: the largest choice that is comfortable."""
        for n_ctx, n_slots in self._choices(model, window):
            size = forecast(model, n_ctx=n_ctx, n_slots=n_slots, kv_type=self.kv_type)
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
            kv_type=self.kv_type if model.can_chat else "f16",
            parked_folder=self.parked_folder if model.can_chat else None,
            parked_bytes=self.parked_bytes,
            flash_attention=self.flash_attention,
            template=model.chat_template,
        )
        return window.loading.applied_to(spec), size.total

    def _choices(self, model: LibraryModel, window: Window) -> list[tuple[int, int]]:
        longest = model.context_length or MAX_CONTEXT
        if not model.can_chat:
            return [(min(longest, LONGEST_EMBEDDED), EMBEDDING_SLOTS)]
        slots = self.num_parallel
        if window.is_wish and window.n_ctx:
            wished = [(window.n_ctx, slots or count) for count in AUTOMATIC_SLOTS]
            smaller = [(n_ctx, 1) for n_ctx, _count in AUTOMATIC_SIZES if n_ctx < window.n_ctx]
            return wished + smaller
        asked = window.n_ctx or self.context_length
        if asked:
            return [(min(asked, longest), count) for count in ((slots,) if slots else AUTOMATIC_SLOTS)]
        return [(min(n_ctx, longest), slots or count) for n_ctx, count in AUTOMATIC_SIZES]
