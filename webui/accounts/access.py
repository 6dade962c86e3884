"""Which people, groups, sessions and keys a person may see and change."""

from __future__ import annotations

import uuid

from allauth.usersessions.models import UserSession
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from webui.accounts.http import MemberRequest, is_administrator
from webui.accounts.models import ApiKey, Group, User


def person_write(request: HttpRequest, person_uuid: uuid.UUID) -> User:
    """Return a person for an administrator. Raises Http404 for everybody else."""
    if not is_administrator(request):
        raise Http404
    try:
        return User.objects.get(uuid=person_uuid)
    except User.DoesNotExist as exc:
        raise Http404 from exc


def session_own(request: MemberRequest, pk: int) -> UserSession:
    """Return a session of the person who asks. Raises Http404 for those of everybody else."""
    return get_object_or_404(UserSession, user=request.user, pk=pk)


def key_own(request: MemberRequest, key_uuid: uuid.UUID) -> ApiKey:
    """Return an API key of the person who asks. Raises Http404 for those of everybody else."""
    return get_object_or_404(ApiKey, owner=request.user, uuid=key_uuid)


def group_write(request: HttpRequest, group_uuid: uuid.UUID) -> Group:
    """Return a group for an administrator. Raises Http404 for everybody else."""
    group = Group.objects.filter(uuid=group_uuid).first() if is_administrator(request) else None
    if group is None:
        raise Http404
    return group
