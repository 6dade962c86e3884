"""Whether a model fits, in words: what it takes, out of how much, and what helps when that is too much."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.types import ModelFit, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one model.

    Attributes:
        words: The verdict in one line.
        detail: What the memory is for.
        advice: What helps when it does not fit.
        loadable_context: The context window with which it can be loaded when the planned one does not fit.
    """

    fits: bool
    words: str
    detail: str
    advice: str = ""
    loadable_context: int | None = None

    @property
    def loadable_context_in_words(self) -> str:
        return context_in_words(self.loadable_context or 0)

    @property
    def can_be_loaded(self) -> bool:
        return self.fits or self.loadable_context is not None


def verdict_on(fit: ModelFit, *, is_embedding: bool = False) -> Verdict:
    planned, detail = fit.planned, _parts(fit.planned, fit.free_bytes)
    if fit.fits and is_embedding:
        return Verdict(fits=True, words=_("Fits"), detail=detail)
    if fit.fits:
        words = _("Fits with a context of %(context)s; %(users)s") % {
            "context": context_in_words(planned.context_length),
            "users": _users(planned.n_slots),
        }
        return Verdict(fits=True, words=words, detail=detail)
    words = _("Does not fit: needs %(needed)s of memory, %(free)s are free") % {
        "needed": filesizeformat(planned.total_bytes),
        "free": filesizeformat(fit.free_bytes),
    }
    advice, context = _advice(fit)
    return Verdict(fits=False, words=words, detail=detail, advice=advice, loadable_context=context)


def context_in_words(n_tokens: int) -> str:
    """Say a number of tokens as people do: 8k, 128k, 2000."""
    return f"{n_tokens // 1024}k" if n_tokens and n_tokens % 1024 == 0 else str(n_tokens)


def _advice(fit: ModelFit) -> tuple[str, int | None]:
    if fit.best:
        advice = _("It fits with a context of %(context)s; %(users)s.") % {
            "context": context_in_words(fit.best.context_length),
            "users": _users(fit.best.n_slots),
        }
        return advice, fit.best.context_length
    if fit.quantization:
        return _("The best version of it that fits is %(quantization)s.") % {"quantization": fit.quantization}, None
    return _("No common quantization of it fits. Choose a model with fewer parameters."), None


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


def _users(n_slots: int) -> str:
    return ngettext("%(n)s answer at once", "%(n)s answers at once", n_slots) % {"n": n_slots}
