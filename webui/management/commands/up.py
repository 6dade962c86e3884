"""`hearth up`: checks, prepares and runs everything."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from inference.library.embedder_package import EMBEDDER_NAME
from inference.server.conf import ServerConfig, WrongSetting
from webui.config.env import reachable_url
from webui.management import preflight
from webui.management.errors import CheckFailed, OperationError
from webui.management.preparing import prepare
from webui.management.supervisor import ChildSpec, Plan

CHILDREN = ("web", "inference")
# -P: what lies in the folder where `up` was called must not be taken for our packages.
PYTHON = (sys.executable, "-P", "-m")


class Command(BaseCommand):
    help = "Check this machine, bring the database to this version, and run the site and the model server."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", choices=CHILDREN, help="Run one of them, when the other runs elsewhere.")

    def handle(self, *, only: str | None, **options: Any) -> None:
        names = (only,) if only else CHILDREN
        if "HEARTH_INFERENCE_URL" in os.environ and not only:
            names = ("web",)
        try:
            plan, lock = self._prepare(names)
        except OperationError as exc:
            raise CommandError(str(exc)) from exc
        self._become_supervisor(plan, lock)

    def _prepare(self, names: Sequence[str]) -> tuple[Plan, int]:
        folder = settings.HEARTH_DATA
        preflight.check_python()
        preflight.check_data_folder(folder)
        preflight.check_disk(folder)
        lock = preflight.lock_data_folder(folder)
        if "web" in names:
            preflight.check_port(settings.HEARTH_HOST, settings.HEARTH_PORT, variable="HEARTH_PORT")
        children, inference_url = [], settings.HEARTH_INFERENCE_URL
        if "inference" in names:
            child, inference_url = self._inference()
            children.append(child)
            if settings.HEARTH_EMBEDDER in ("", EMBEDDER_NAME) and (note := preflight.note_on_embedder()):
                self.stdout.write(note)
        if "web" in names:
            prepare(self.stdout.write)
            children.append(_web(inference_url))
        return _plan(children), lock

    def _inference(self) -> tuple[ChildSpec, str]:
        _check_model_server_settings()
        host, wanted = settings.HEARTH_INFERENCE_LISTEN
        port = preflight.free_port_from(host, wanted)
        if port != wanted:
            self.stdout.write(
                f"Port {wanted} is in use by {preflight.port_owner(wanted)}; "
                f"the built-in model server takes port {port}."
            )
        spec = ChildSpec(
            name="inference",
            command=[*PYTHON, "inference.server"],
            environment={"OLLAMA_HOST": f"{host}:{port}", **_shared_environment()},
            own_secrets=["HEARTH_API_KEY", "HEARTH_API_KEY_FILE", "HF_TOKEN", "HF_TOKEN_HOST"],
        )
        return spec, reachable_url(host, port)

    def _become_supervisor(self, plan: Plan, lock: int) -> None:
        """Go on as a process that has loaded nothing but the supervisor. The lock goes along."""
        connections.close_all()
        self.stdout.flush()
        os.set_inheritable(lock, True)
        if settings.PACKAGE_DIR.parent == settings.BASE_DIR:
            # A checkout: the packages are importable from here on, whatever folder `up` was called in.
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.getenv("PYTHONPATH")]))
        # No shell, and every word is ours.
        os.execv(PYTHON[0], [*PYTHON, "webui.management.supervisor", plan.to_json()])  # noqa: S606


def _check_model_server_settings() -> None:
    """Refuse here what the model server would refuse, which would only be started again and again."""
    try:
        ServerConfig.from_environ(os.environ)
    except WrongSetting as exc:
        raise CheckFailed(str(exc)) from exc


def _web(inference_url: str) -> ChildSpec:
    return ChildSpec(
        name="web",
        command=[*PYTHON, "webui", "web"],
        environment={"HEARTH_INFERENCE_URL": inference_url, **_shared_environment()},
        knows_secrets=True,
    )


def _shared_environment() -> dict[str, str]:
    return {"HEARTH_DATA": str(settings.HEARTH_DATA), "PYTHONUNBUFFERED": "1"}


def _plan(children: Sequence[ChildSpec]) -> Plan:
    if not any(child.name == "web" for child in children):
        return Plan(children=children)
    address = settings.HEARTH_URL or f"http://localhost:{settings.HEARTH_PORT}"
    return Plan(
        children=children,
        ready_url=f"{reachable_url(settings.HEARTH_HOST, settings.HEARTH_PORT)}/ready",
        address=address,
    )
