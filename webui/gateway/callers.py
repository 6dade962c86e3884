"""Who asks: the owner of a key, or somebody who is signed in. Keys count here and nowhere else on the site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from webui.accounts.keys import key_for
from webui.accounts.models import ApiKey, User
from webui.gateway.errors import Refused

WRONG_KEYS_PER_MINUTE: Final = 30
EVERYTHING: Final = frozenset(ApiKey.Scope)
SAFE_METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Attributes: key_id: None for who asks with a session."""

    user: User
    scopes: frozenset[str]
    key_id: int | None = None

    def require(self, scope: ApiKey.Scope) -> None:
        if scope not in self.scopes:
            raise Refused(403, f"This key may not do that: it has no scope '{scope.value}'.", code="wrong_scope")


def caller_of(request: HttpRequest) -> Caller:
    """Raises Refused for a stranger, for one who may not use the site, and for a key that does not work."""
    token = _token(request)
    if token is not None:
        key = key_for(token)
        if key is None:
            raise _wrong_key(request)
        return Caller(user=key.owner, scopes=frozenset(key.scopes), key_id=key.pk)
    if not isinstance(request.user, User) or not request.user.may_chat:
        raise Refused(401, "Give an API key: Authorization: Bearer KEY.", code="no_key")
    if request.method not in SAFE_METHODS and _OwnPages(_checked).refuses(request):
        raise Refused(403, "Only pages of this site may ask with a session. Use an API key.", code="foreign_page")
    return Caller(user=request.user, scopes=EVERYTHING)


def _token(request: HttpRequest) -> str | None:
    """Return what was given as a key, right or wrong; who gives one is not known by a cookie as well."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return request.headers.get("x-api-key")
    scheme, _space, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _wrong_key(request: HttpRequest) -> Refused:
    """Count wrong keys of an address. Right ones are never slowed, so that nobody can lock out a neighbour."""
    counter = f"wrong-keys:{request.META.get('REMOTE_ADDR', '')}"
    cache.add(counter, 0, timeout=60)
    try:
        n_wrong = cache.incr(counter)
    except ValueError:
        # The minute ended in between.
        n_wrong = 1
    if n_wrong > WRONG_KEYS_PER_MINUTE:
        return Refused(429, "Too many wrong keys from your address. Wait a minute.", code="too_many_wrong_keys")
    return Refused(401, "This API key does not work: it is wrong, revoked or expired.", code="wrong_key")


class _OwnPages(CsrfViewMiddleware):
    """Django's check, for a view that is exempt because most of its callers have keys."""

    def refuses(self, request: HttpRequest) -> bool:
        self.process_request(request)
        return self.process_view(request, _checked, (), {}) is not None


def _checked(request: HttpRequest) -> HttpResponse:
    """Stands for a view that is not exempt."""
    return HttpResponse()
