"""Whether a model fits, in words: what it takes, out of how much, and what helps when that is too much."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.types import ModelFit, Offload, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one model.

    Attributes:
        words: The verdict in one line.
        detail: What the memory is for.
        advice: What helps when it does not fit.
        loadable_context: The context window with which it can be loaded when the planned one does not fit.
        loadable_slots: How many of them.
        card: What of it fits on the graphics card when not all does; empty otherwise.
        card_layers: So many layers.
    """

    fits: bool
    words: str
    detail: str
    advice: str = ""
    loadable_context: int | None = None
    loadable_slots: int | None = None
    card: str = ""
    card_layers: int | None = None

    @property
    def loadable_context_in_words(self) -> str:
        return context_in_words(self.loadable_context or 0)

    @property
    def can_be_loaded(self) -> bool:
        return self.fits or self.loadable_context is not None


def verdict_on(fit: ModelFit, *, is_embedding: bool = False) -> Verdict:
    verdict = _verdict(fit, is_embedding)
    if fit.offload is None:
        return verdict
    return replace(verdict, card=_on_card(fit.offload), card_layers=fit.offload.n_layers)


def _verdict(fit: ModelFit, is_embedding: bool) -> Verdict:
    planned, detail = fit.planned, _parts(fit.planned, fit.free_bytes)
    if fit.fits and is_embedding:
        return Verdict(fits=True, words=_("Fits"), detail=detail)
    if fit.fits:
        words = _("Fits with a context of %(context)s; %(users)s") % {
            "context": context_in_words(planned.context_length),
            "users": answers_in_words(planned.n_slots),
        }
        return Verdict(fits=True, words=words, detail=detail)
    words = _("Does not fit: needs %(needed)s of memory, %(free)s are free") % {
        "needed": filesizeformat(planned.total_bytes),
        "free": filesizeformat(fit.free_bytes),
    }
    return Verdict(
        fits=False,
        words=words,
        detail=detail,
        advice=_advice(fit),
        loadable_context=fit.best.context_length if fit.best else None,
        loadable_slots=fit.best.n_slots if fit.best else None,
    )


def context_in_words(n_tokens: int) -> str:
    """Say a number of tokens as people do: 8k, 128k, 2000."""
    return f"{n_tokens // 1024}k" if n_tokens and n_tokens % 1024 == 0 else str(n_tokens)


def answers_in_words(n_slots: int) -> str:
    return ngettext("%(n)s answer at once", "%(n)s answers at once", n_slots) % {"n": n_slots}


def _advice(fit: ModelFit) -> str:
    if fit.best:
        return _("It fits with a context of %(context)s; %(users)s.") % {
            "context": context_in_words(fit.best.context_length),
            "users": answers_in_words(fit.best.n_slots),
        }
    if fit.quantization:
        return _("The best version of it that fits is %(quantization)s.") % {"quantization": fit.quantization}
    return _("No common quantization of it fits. Choose a model with fewer parameters.")


def _on_card(offload: Offload) -> str:
    if not offload.n_layers:
        return _("The graphics card has no room for any of its layers.")
    return ngettext(
        "%(n)s of its %(all)s layers fits on the graphics card, and the others stay with the processor.",
        "%(n)s of its %(all)s layers fit on the graphics card, and the others stay with the processor.",
        offload.n_layers,
    ) % {"n": offload.n_layers, "all": offload.n_all}


def _parts(setting: Setting, free_bytes: int) -> str:
    parts = [
        (_("weights %(size)s"), setting.weights_bytes),
        (_("context %(size)s"), setting.cache_bytes),
        (_("working memory %(size)s"), setting.work_bytes),
    ]
    return _("%(total)s of %(free)s: %(parts)s") % {
        "total": filesizeformat(setting.total_bytes),
        "free": filesizeformat(free_bytes),
        "parts": ", ".join(words % {"size": filesizeformat(size)} for words, size in parts if size),
    }
