"""What everybody who asks a model asks it with, unless they, a preset or a chat say otherwise."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.views.model import named_model
from webui.presets.forms import AnswerForm, option_values
from webui.presets.models import MODEL_MAX_LENGTH, ModelDefaults
from webui.presets.services import set_model_defaults


@admin_required
@require_http_methods(["GET", "POST"])
def page(request: MemberRequest) -> HttpResponse:
    """The model is named in the query by its catalog id, which may hold slashes. It need not be there now."""
    model = named_model(request.GET)
    if len(model) > MODEL_MAX_LENGTH:
        raise Http404
    if request.method == "POST":
        form = AnswerForm(request.POST, takes_back=False)
        if form.is_valid():
            system_prompt = form.cleaned_data["system_prompt"]
            set_model_defaults(model, system_prompt=system_prompt, options=form.chosen_options(), by=request.user)
            messages.success(request, _("Saved. It holds from the next question on."))
            return redirect("administration:models")
    else:
        form = AnswerForm(initial=_initial(model), takes_back=False)
    context = {"name": model, "form": form}
    return render(request, "administration/model_defaults.html", context, status=422 if form.errors else 200)


def _initial(model: str) -> dict[str, object]:
    row = ModelDefaults.objects.filter(model=model).first()
    return {"system_prompt": row.system_prompt, **option_values(row.options)} if row else {}
