"""What the page of models shows of each connection, model and runner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import PurePath

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inference import client
from inference.errors import InferenceError
from inference.types import Library, LibraryEntry, LoadedModel, ModelInfo, ModelList, Runner
from webui.accounts.model_access import rule_of
from webui.administration.problems import Problem, problem_of
from webui.administration.verdicts import Verdict, context_in_words, verdict_on


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model. `entry` and `verdict` are there for the built-in server's only."""

    model: ModelInfo
    loaded: LoadedModel | None
    entry: LibraryEntry | None = None

    @property
    def can_be_managed(self) -> bool:
        return self.model.connection_kind != "openai"

    @property
    def can_be_deleted(self) -> bool:
        return self.model.connection_kind == "builtin" and (self.entry is None or self.entry.is_ours)

    @property
    def context(self) -> str:
        return context_in_words(self.model.context_length or 0)

    @property
    def verdict(self) -> Verdict | None:
        return verdict_on(self.entry.fit, is_embedding=not self.model.can_chat) if self.entry else None

    @property
    def is_out_of_reach(self) -> bool:
        """True for a model that cannot be loaded here in any way."""
        return bool(self.verdict and not self.verdict.can_be_loaded and not self.loaded)

    @property
    def is_restricted(self) -> bool:
        """Whether not everybody may use it. Asks the database now and then."""
        return not rule_of(self.model.key).is_open

    @property
    def place(self) -> str:
        """Where it lies, when that is not our own folder: then it is not ours to delete either."""
        match self.entry.source if self.entry else "":
            case "ollama":
                return _("lies in Ollama's store, which Ollama looks after")
            case "attached":
                return _("attached; it is deleted where it lies")
            case "embedded":
                return _("comes with Hearth")
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionModels:
    """One connection with its models, or with the problem that keeps them away."""

    name: str
    rows: list[ModelRow]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableRow:
    """A file that was put among the models and is refused."""

    name: str
    path: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    connections: list[ConnectionModels]
    unusable: list[UnusableRow]
    library: Library | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerRow:
    """One process with the model that it holds, as the page shows it every other second."""

    runner: Runner

    @property
    def context(self) -> str:
        return context_in_words(self.runner.context_length or 0)

    @property
    def state(self) -> str:
        match self.runner.state:
            case "loading":
                return _("Loading")
            case "stopping":
                return _("Unloading")
        if self.runner.n_active:
            return _("%(n)s of %(slots)s answers") % {"n": self.runner.n_active, "slots": self.runner.n_slots}
        return _("Idle")

    @property
    def bar_max(self) -> int:
        """The end of the bar: the forecast, or what it takes when that has become more."""
        return max(self.runner.forecast_bytes, self.runner.rss_bytes or 0, 1)

    @property
    def stays(self) -> str:
        """How long it stays when nobody asks it; empty while it is not ready."""
        if self.runner.state != "ready" or self.runner.n_active:
            return ""
        if self.runner.expires_at is None:
            return _("stays until it is unloaded")
        return _("stays until %(time)s") % {"time": _clock(self.runner.expires_at)}


async def model_page() -> ModelPage:
    """Ask everybody at once; the built-in server answers for its library what it can."""
    found, loaded, unusable, library = await asyncio.gather(
        client.list_models(), client.loaded_models(), client.unusable_files(), _library()
    )
    entries = {entry.name: entry for entry in library.entries} if library else {}
    return ModelPage(
        connections=_connections(found, loaded, entries),
        unusable=[
            UnusableRow(name=PurePath(file.path).name, path=file.path, problem=file.problem) for file in unusable
        ],
        library=library,
    )


async def runner_rows() -> list[RunnerRow]:
    """Return the processes of the built-in server; none when it does not answer, which its list tells already."""
    try:
        return [RunnerRow(runner=runner) for runner in await client.runners()]
    except InferenceError:
        return []


async def _library() -> Library | None:
    try:
        return await client.library()
    except InferenceError:
        return None


def _connections(
    found: ModelList, loaded: Sequence[LoadedModel], entries: Mapping[str, LibraryEntry]
) -> list[ConnectionModels]:
    held = {model.name: model for model in loaded}
    groups = [
        ConnectionModels(
            name=name,
            rows=[
                ModelRow(
                    model=model,
                    loaded=held.get(model.id),
                    entry=entries.get(model.name) if model.connection_kind == "builtin" else None,
                )
                for model in models
            ],
        )
        for name, models in groupby(found.models, key=lambda model: model.connection)
    ]
    dead = [
        ConnectionModels(
            name=problem.connection,
            rows=[],
            problem=problem_of(problem.error, kind="openai" if problem.connection_kind == "openai" else "ollama"),
        )
        for problem in found.problems
    ]
    return groups + dead


def _clock(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "TIME_FORMAT")
