"""What a person says for all their questions."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from webui.accounts.decorators import member_required
from webui.accounts.http import MemberRequest
from webui.presets import services
from webui.presets.forms import AnswerForm, option_values


@require_http_methods(["GET", "POST"])
@member_required
def own(request: MemberRequest) -> HttpResponse:
    user = request.user
    if request.method == "POST":
        form = AnswerForm(request.POST)
        if form.is_valid():
            services.set_own_defaults(
                user, system_prompt=form.cleaned_data["system_prompt"], options=form.chosen_options()
            )
            messages.success(request, _("Saved."))
            return redirect("presets:defaults")
    else:
        form = AnswerForm(initial={"system_prompt": user.system_prompt, **option_values(user.options)})
    return render(request, "presets/defaults.html", {"form": form}, status=422 if form.errors else 200)
