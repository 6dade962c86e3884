"""Pages about oneself."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from webui.accounts import conf
from webui.accounts.decorators import member_required
from webui.accounts.forms import ProfileForm
from webui.accounts.http import MemberRequest, is_member
from webui.accounts.middleware import open_to_waiting


@open_to_waiting
@require_GET
def pending(request: HttpRequest) -> HttpResponse:
    """Where people wait for approval. Reloads itself away once they are members."""
    if is_member(request):
        return redirect("/")
    return render(request, "accounts/pending.html", {"note": conf.waiting_note()})


@member_required
@require_http_methods(["GET", "POST"])
def profile(request: MemberRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        request.user.save(update_fields=list(form.fields))
        messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form})
