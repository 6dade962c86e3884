"""What keeps a search index from being built, in words for an administrator."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import rag.api
from webui.administration.problems import Problem

_BUILDING_PROBLEMS = {
    "embedder_missing": gettext_lazy("No connection offers this model now."),
    "embedder_down": gettext_lazy("The model does not answer."),
    "embedder_changed": gettext_lazy("Another model answers to this name now."),
    "embedder_useless": gettext_lazy("The model gives every text the same vector."),
    "index_failed": gettext_lazy("The vector store does not take the vectors."),
}


def building_problem(code: str) -> str:
    """Return one sentence; why the building does not come further at the moment."""
    return str(_BUILDING_PROBLEMS.get(code, _("Something went wrong; the log of the server says what.")))


def refusal(error: rag.api.RagError) -> Problem:
    match error:
        case rag.api.EmbedderUseless():
            return Problem(
                title=_("This model gives every text the same vector."), advice=_("Choose one that is made to embed.")
            )
        case rag.api.EmbedderFixed():
            return Problem(title=_("The model is fixed by HEARTH_EMBEDDER in the environment of the server."))
        case rag.api.NothingToRollBack():
            return Problem(title=_("There is no index to go back to."))
    return Problem(title=_("The model cannot be used."))
