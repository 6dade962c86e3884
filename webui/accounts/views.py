"""Signing up, signing in, waiting, and the page about oneself."""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth_views
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webui.accounts import conf, queries
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.decorators import member_required
from webui.accounts.forms import AfterthoughtsForm, LanguageForm, ProfileForm, ThemeForm
from webui.accounts.http import MemberRequest, is_member
from webui.accounts.middleware import open_to_waiting
from webui.accounts.models import User

LANGUAGE_COOKIE_AGE_S = 60 * 60 * 24 * 365


class PlainForm:
    """Puts the caret into the first field. No placeholders: every field has its label above, which stays."""

    first: str

    def get_form(self, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(*args, **kwargs)  # type: ignore[misc]  # mixed into form views
        for name, field in form.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.widget.attrs |= {"autofocus": True} if name == self.first else {}
        return form


@method_decorator(login_not_required, name="dispatch")
class SignInView(PlainForm, allauth_views.LoginView):  # type: ignore[misc]  # allauth is not typed
    """Sends the very first visitor on to the sign-up page: there is no account yet to sign in to."""

    first = "login"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "GET" and not queries.has_administrator():
            return redirect("account_signup")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "is_open_for_signup": queries.is_open_for_signup()}


@method_decorator(login_not_required, name="dispatch")
class SignUpView(PlainForm, allauth_views.SignupView):  # type: ignore[misc]  # allauth is not typed
    first = "name"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            "is_first": not queries.has_administrator(),
            "needs_approval": conf.signup_policy() == "approval",
        }


class ChangePasswordView(PlainForm, allauth_views.PasswordChangeView):  # type: ignore[misc]  # allauth is not typed
    first = "oldpassword"

    def form_valid(self, form: Any) -> HttpResponseBase:
        with transaction.atomic():
            record(Event.PASSWORD_CHANGED)
            response: HttpResponseBase = super().form_valid(form)
        return response

    def get_form(self, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(*args, **kwargs)
        form.fields["oldpassword"].label = _("Current password")
        form.fields["password1"].label = _("New password")
        form.fields["password2"].label = _("New password, again")
        return form


@open_to_waiting
@require_GET
def pending(request: HttpRequest) -> HttpResponse:
    """Where people wait for approval; members are sent on."""
    if is_member(request):
        return redirect("/")
    return render(request, "accounts/pending.html", {"note": conf.waiting_note()})


@member_required
@require_http_methods(["GET", "POST"])
def profile(request: MemberRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        request.user.save(update_fields=list(form.fields))
        with translation.override(request.user.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    afterthoughts_form = AfterthoughtsForm(instance=request.user) if conf.offers_afterthoughts() else None
    return render(request, "accounts/profile.html", {"form": form, "afterthoughts_form": afterthoughts_form})


@open_to_waiting
@require_POST
def theme(request: MemberRequest) -> HttpResponse:
    """Keep a choice that the page shows already, for the other devices."""
    form = ThemeForm(request.POST, instance=request.user)
    if not form.is_valid():
        return HttpResponse(status=422)
    form.instance.save(update_fields=["theme"])
    return HttpResponse(status=204)


@login_not_required
@open_to_waiting
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Show this device the pages in a language from now on, and a person who is signed in all of theirs."""
    form = LanguageForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    chosen = form.cleaned_data["language"]
    if isinstance(request.user, User):
        request.user.language = chosen
        request.user.save(update_fields=["language"])
    place = request.POST.get("next", "")
    is_here = url_has_allowed_host_and_scheme(place, {request.get_host()}, require_https=request.is_secure())
    response = redirect(place if is_here else "/")
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=LANGUAGE_COOKIE_AGE_S,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


@member_required
@require_POST
def afterthoughts(request: MemberRequest) -> HttpResponse:
    """Choose what a model is asked for once it has answered."""
    form = AfterthoughtsForm(request.POST, instance=request.user)
    if form.is_valid():
        request.user.save(update_fields=list(form.fields))
        messages.success(request, _("Saved."))
    return redirect("accounts:profile")
