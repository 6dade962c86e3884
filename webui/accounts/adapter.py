"""Where allauth asks us: who may sign up, and how a new person is stored."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from webui.accounts import queries, services
from webui.accounts.errors import EmailTaken, SignUpClosed
from webui.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The email or the password is not correct."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return queries.is_open_for_signup()

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Hash the password first and save in one short transaction, which decides the role."""
        super().save_user(request, user, form, commit=False)
        user.name = form.cleaned_data.get("name", "")
        if not commit:
            return user
        try:
            return services.sign_up(user)
        except (SignUpClosed, EmailTaken) as exc:
            # Both were checked before; somebody else was faster. The page shows the state as it is now.
            raise ImmediateHttpResponse(redirect("account_signup")) from exc

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that TrustedProxyMiddleware has settled; headers are not asked again."""
        return str(request.META.get("REMOTE_ADDR") or "unknown")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:profile")

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: what allauth reports (signed in, signed out) can be seen on the page that follows."""
