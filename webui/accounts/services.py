"""Changes to people. Each is one short transaction that holds the roster's lock where roles are at stake."""

from __future__ import annotations

import secrets

from django.db import IntegrityError, transaction
from django.utils import timezone

from webui.accounts import conf
from webui.accounts.audit import record
from webui.accounts.audit_events import Event
from webui.accounts.errors import EmailTaken, LastAdministrator, SignUpClosed
from webui.accounts.models import Role, Roster, User

POLICY_ROLES = {"open": Role.USER, "approval": Role.PENDING}


def sign_up(user: User) -> User:
    """Save a new person whose e-mail address, name and password hash are set already.

    The first one becomes the administrator, whatever the policy says: there is nobody yet to approve.

    Raises:
        SignUpClosed: The policy admits nobody.
        EmailTaken: Also when the other sign-up runs at this moment.
    """
    user.email = user.email.lower()
    with transaction.atomic():
        roster = _lock_roster()
        if roster.setup_finished_at is None:
            user.role = Role.ADMIN
            _finish_setup(roster)
        else:
            policy = conf.signup_policy()
            if policy == "closed":
                raise SignUpClosed
            user.role = POLICY_ROLES[policy]
        _insert(user)
        record(Event.SIGNED_UP, user, detail=user.role, by=user)
    return user


def add_person(*, email: str, password: str, role: Role, name: str = "") -> User:
    """Create a person by an administrator's hand. Raises EmailTaken."""
    user = User(email=email.lower(), name=name, role=role)
    user.set_password(password)
    with transaction.atomic():
        roster = _lock_roster()
        _insert(user)
        if role == Role.ADMIN:
            _finish_setup(roster)
        record(Event.PERSON_CREATED, user, detail=user.role)
    return user


def ensure_first_administrator(*, email: str, password: str) -> User | None:
    """Create the first administrator if there is none yet; return None when there is."""
    user = User(email=email.lower(), role=Role.ADMIN)
    user.set_password(password)
    with transaction.atomic():
        roster = _lock_roster()
        if roster.setup_finished_at is not None:
            return None
        _insert(user)
        _finish_setup(roster)
        record(Event.PERSON_CREATED, user, detail=user.role)
    return user


def let_in(email: str) -> tuple[User, str]:
    """Make sure that somebody can administrate, when nobody can any more; return them with a random password.

    Whoever has the address becomes an administrator that is not suspended, with that password in place of the former;
    sessions and API keys of before end. Nobody has it: the person is created.
    """
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        roster = _lock_roster()
        user = User.objects.filter(email=email.lower()).first() or User(email=email.lower())
        user.role, user.is_active = Role.ADMIN, True
        user.set_password(password)
        user.save()
        # Those who locked the others out may have left some.
        user.api_keys.all().delete()
        _finish_setup(roster)
        record(Event.LET_IN, user)
    return user, password


def change_role(user: User, role: Role) -> User:
    """Raises LastAdministrator."""
    with transaction.atomic():
        _lock_roster()
        user.refresh_from_db()
        if role != Role.ADMIN:
            _refuse_if_last_administrator(user)
        before, user.role = user.role, role
        user.save(update_fields=["role"])
        record(Event.ROLE_CHANGED, user, detail=f"{before} → {role}")
    return user


def suspend(user: User) -> User:
    """Lock a person out, at the next request also from where they are signed in now.

    Raises:
        LastAdministrator: Nobody else could lift the suspension.
    """
    with transaction.atomic():
        _lock_roster()
        user.refresh_from_db()
        _refuse_if_last_administrator(user)
        user.is_active = False
        user.save(update_fields=["is_active"])
        record(Event.PERSON_SUSPENDED, user)
    return user


@transaction.atomic
def reinstate(user: User) -> User:
    user.is_active = True
    user.save(update_fields=["is_active"])
    record(Event.PERSON_REINSTATED, user)
    return user


@transaction.atomic
def give_new_password(user: User) -> str:
    """Replace a forgotten password by a random one and return it; whoever is signed in as this person is signed out."""
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(Event.PASSWORD_RESET, user)
    return password


def delete_person(user: User) -> None:
    """Remove a person with all chats and documents. Raises LastAdministrator."""
    with transaction.atomic():
        _lock_roster()
        user.refresh_from_db()
        _refuse_if_last_administrator(user)
        record(Event.PERSON_DELETED, user)
        user.delete()


def _lock_roster() -> Roster:
    """Must run inside a transaction, whose end releases the lock."""
    Roster.objects.get_or_create(id=Roster.SINGLETON_ID)
    return Roster.objects.select_for_update().get(id=Roster.SINGLETON_ID)


def _finish_setup(roster: Roster) -> None:
    if roster.setup_finished_at is None:
        roster.setup_finished_at = timezone.now()
        roster.save(update_fields=["setup_finished_at"])


def _insert(user: User) -> None:
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as exc:
        if User.objects.filter(email=user.email).exists():
            raise EmailTaken from exc
        raise


def _refuse_if_last_administrator(user: User) -> None:
    if not user.is_admin:
        return
    if not User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk).exists():
        raise LastAdministrator
