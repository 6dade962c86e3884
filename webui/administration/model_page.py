"""What the page of one model shows beside what its server says of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inference import client
from inference.types import Library, LibraryEntry, ModelContents, Runner, ServerSettings
from webui.administration.load_settings import settings_in_words
from webui.administration.model_rows import RunnerRow
from webui.administration.verdicts import Verdict, context_in_words, verdict_on


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """One model, with its entry in the library and its process; `runner` is None while it is not in memory."""

    contents: ModelContents
    library: Library
    entry: LibraryEntry | None
    runner: Runner | None
    server: ServerSettings | None

    @property
    def names(self) -> frozenset[str]:
        """All names that are taken, in lower case."""
        return frozenset(entry.name.lower() for entry in self.library.entries)

    @property
    def context(self) -> str:
        return context_in_words(self.contents.context_length or 0)

    @property
    def verdict(self) -> Verdict | None:
        return verdict_on(self.entry.fit, is_embedding=not self.contents.can_chat) if self.entry else None

    @property
    def row(self) -> RunnerRow | None:
        return RunnerRow(runner=self.runner) if self.runner else None

    @property
    def has_gpu(self) -> bool:
        return bool(self.server and not self.server.no_gpu_reason)

    @property
    def no_gpu_reason(self) -> str:
        return self.server.no_gpu_reason if self.server else ""

    @property
    def kept(self) -> str:
        """What every load begins with, in words; empty when that is the server's choice."""
        return settings_in_words(self.contents.kept)

    @property
    def abilities(self) -> list[str]:
        """What the model can do, in words."""
        words = {
            "completion": _("answers"),
            "vision": _("sees images"),
            "tools": _("calls tools"),
            "thinking": _("thinks"),
            "embedding": _("for documents"),
            "reranking": _("ranks passages"),
        }
        return [said for ability, said in words.items() if ability in self.contents.capabilities]

    @property
    def has_texts(self) -> bool:
        """True for models that chat, which are asked with a template, a system prompt, and parameters."""
        return self.contents.can_chat and self.contents.source != "embedded"

    @property
    def why_not_changed(self) -> str:
        """Why saving makes a new model; empty when it makes this one anew."""
        match self.contents.source:
            case "ollama":
                return _("It belongs to Ollama's store, which is only read. Saving makes a model of Hearth's own.")
            case "attached":
                return _("It is attached, and its files are only read. Saving makes a model of Hearth's own.")
            case "folder":
                return _("It is a plain file, which is left as it is. Saving makes a model of it that has these texts.")
        return ""


async def one_model(name: str) -> ModelPage:
    """Ask the built-in server for everything at once. Raises ModelNotFound, ConnectionFailed and its kinds."""
    contents, library, runners, server = await asyncio.gather(
        client.model_contents(name), client.library(), client.runners(), client.server_settings()
    )
    return ModelPage(
        contents=contents,
        library=library,
        entry=next((entry for entry in library.entries if entry.name == contents.name), None),
        runner=next((runner for runner in runners if runner.name == contents.name), None),
        server=server,
    )
