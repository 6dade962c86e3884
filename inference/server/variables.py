"""Every variable that steers the model server, and Ollama's that do not: one table for the pages and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

from inference.translatable import gettext_noop as _

Support = Literal["honoured", "built in", "not supported"]
"""`built in`: what the variable asks for is so anyway, or follows from something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable. `default` is as the docs write it; `meaning` is what it does, or why it does nothing.

    Both are in English here and where the server tells of them; pages translate them.
    """

    name: str
    default: str
    meaning: str
    support: Support = "honoured"
    is_secret: bool = False


class VariableBody(TypedDict):
    """`value` is what was given; empty where the default holds. `meaning` has names of variables in backticks."""

    name: str
    value: str
    default: str
    support: Support
    meaning: str


VARIABLES = (
    Variable(
        name="OLLAMA_HOST",
        default="`127.0.0.1:11434`",
        meaning=_("Address it listens on. `hearth up` takes the next free port when that one is taken."),
    ),
    Variable(
        name="HEARTH_API_KEY",
        default="",
        meaning=_(
            "What clients must bring as `Authorization: Bearer KEY` or `x-api-key: KEY`; several keys, one for "
            "each client, are separated by commas. Needed when `OLLAMA_HOST` is not this machine alone. The site "
            "brings the first one."
        ),
        is_secret=True,
    ),
    Variable(
        name="HEARTH_API_OPEN",
        default="`no`",
        meaning=_(
            "Lets the server listen for other machines without a key: only behind a firewall or in a private network."
        ),
    ),
    Variable(
        name="OLLAMA_PORT",
        default="",
        meaning=_("Not one of Ollama's variables, but guides name it: the port when `OLLAMA_HOST` has none."),
    ),
    Variable(
        name="OLLAMA_ORIGINS",
        default="",
        meaning=_(
            "Web pages that may call it, separated by commas, beside those of this machine; `*` stands for "
            "anything. It keeps foreign pages out, not foreign programs: that takes a key."
        ),
    ),
    Variable(
        name="OLLAMA_MODELS", default="", meaning=_("The store of an Ollama, to use its models. It is only read.")
    ),
    Variable(
        name="OLLAMA_KEEP_ALIVE",
        default="`5m`",
        meaning=_("How long a model stays loaded after its last use; `-1` for ever, `0` not at all."),
    ),
    Variable(
        name="HEARTH_PREFIX_CACHE_MB",
        default="`1000`",
        meaning=_(
            "Megabytes under `HEARTH_DATA/cache/prefixes` for what models have read already, so that a chat goes "
            "on at once after its model was unloaded. Kept for a day, for the server's own user only; `0` keeps "
            "nothing."
        ),
    ),
    Variable(
        name="OLLAMA_NUM_PARALLEL",
        default=_("by memory"),
        meaning=_("Requests that one model answers at the same time."),
    ),
    Variable(name="OLLAMA_MAX_LOADED_MODELS", default="`3`", meaning=_("Models that are loaded at the same time.")),
    Variable(
        name="OLLAMA_MAX_QUEUE",
        default="`512`",
        meaning=_("Requests that may wait; further ones are answered with 503."),
    ),
    Variable(
        name="OLLAMA_CONTEXT_LENGTH",
        default=_("by memory"),
        meaning=_("Tokens of a model's context window when a request names none."),
    ),
    Variable(
        name="OLLAMA_LOAD_TIMEOUT",
        default="`5m`",
        meaning=_("After this, loading a model is given up; `0` waits for ever."),
    ),
    Variable(
        name="OLLAMA_NOPRUNE",
        default="`no`",
        meaning=_(
            "Keep what only the former version of a pulled model used, and sent blobs that no model uses after a day."
        ),
    ),
    Variable(
        name="OLLAMA_MAX_TRANSFER_STREAMS",
        default=_("by size"),
        meaning=_("Connections that one download uses at most; up to 16 for large files."),
    ),
    Variable(
        name="HF_ENDPOINT",
        default="`https://huggingface.co`",
        meaning=_("Where models of Hugging Face come from: a mirror."),
    ),
    Variable(
        name="HF_TOKEN",
        default="",
        meaning=_("Who we are at Hugging Face, for gated and private models."),
        is_secret=True,
    ),
    Variable(
        name="HF_TOKEN_HOST",
        default="`huggingface.co`",
        meaning=_("The only host that is told `HF_TOKEN`; name a mirror that may know it."),
    ),
    Variable(
        name="OLLAMA_KV_CACHE_TYPE",
        default="`f16`",
        meaning=_("What one value of the context is stored as: `f16`, `q8_0` (half the memory) or `q4_0` (a quarter)."),
    ),
    Variable(
        name="OLLAMA_FLASH_ATTENTION",
        default=_("what is fastest"),
        meaning=_(
            "`1` or `0` switches flash attention on or off for all models. Left alone, it is on where a model runs "
            "on a graphics card or keeps its context in less than `f16`."
        ),
    ),
    Variable(
        name="CUDA_VISIBLE_DEVICES",
        default=_("all"),
        meaning=_(
            "Graphics cards that models may use, by their numbers; `-1` for none. So do `HIP_VISIBLE_DEVICES`, "
            "`ROCR_VISIBLE_DEVICES` and `GGML_VK_VISIBLE_DEVICES`, each for its kind."
        ),
    ),
    Variable(name="OLLAMA_DEBUG", default="`no`", meaning=_("Tells more in the log, such as the options that hold.")),
    Variable(
        name="OLLAMA_DEBUG_LOG_REQUESTS",
        default="`no`",
        meaning=_("With `OLLAMA_DEBUG`, writes what people ask into the log. Only for finding faults."),
    ),
    Variable(
        name="OLLAMA_MULTIUSER_CACHE",
        default="",
        meaning=_("People whose prompts begin alike always share that beginning."),
        support="built in",
    ),
    Variable(
        name="OLLAMA_SCHED_SPREAD",
        default="",
        meaning=_(
            "llama.cpp spreads a model over all graphics cards that it sees; `CUDA_VISIBLE_DEVICES` chooses them."
        ),
        support="built in",
    ),
    Variable(
        name="OLLAMA_NO_CLOUD",
        default="",
        meaning=_("Nothing is ever sent to a cloud: models without weights of their own are not offered."),
        support="built in",
    ),
    Variable(
        name="OLLAMA_GPU_OVERHEAD",
        default="",
        meaning=_("llama.cpp decides how much of a graphics card it leaves free."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_LLM_LIBRARY",
        default="",
        meaning=_("There is one llama.cpp, the installed one; it chooses the code for this processor by itself."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_VULKAN",
        default="",
        meaning=_("Whether Vulkan is used is decided when llama.cpp is built."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_IGPU_ENABLE",
        default="",
        meaning=_("llama.cpp decides whether it uses a graphics unit that shares the machine's memory."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_REMOTES",
        default="",
        meaning=_("Models on other machines are reached through connections, see `OLLAMA_BASE_URLS`."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_GO_TEMPLATE",
        default="",
        meaning=_("A Go template is used where a model brings one, and else the Jinja template in its file."),
        support="built in",
    ),
    Variable(
        name="OLLAMA_NEW_ENGINE",
        default="",
        meaning=_("There is one engine, llama.cpp."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_NOHISTORY",
        default="`no`",
        meaning=_("Does not keep the questions of `hearth run` for the arrow keys."),
    ),
    Variable(
        name="OLLAMA_EDITOR",
        default="",
        meaning=_("`hearth run` opens no editor; its own prompt takes several lines."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_MAX_VRAM",
        default="",
        meaning=_("Of older versions: what fits is measured, and `num_gpu` says how much goes to a graphics card."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_INTEL_GPU",
        default="",
        meaning=_("Of older versions: which cards are used is decided when llama.cpp is built."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_RUNNERS_DIR",
        default="",
        meaning=_("Of older versions: the runner is a part of Hearth."),
        support="not supported",
    ),
    Variable(
        name="OLLAMA_TMPDIR",
        default="",
        meaning=_("Of older versions: nothing is unpacked at the start."),
        support="not supported",
    ),
)

UNKNOWN = _("This server knows no such variable.")
_OF_OTHERS = ("OLLAMA_API_KEY", "OLLAMA_BASE_URL")
"""How the names begin that the commands and the site read."""


def in_effect(environ: Mapping[str, str]) -> list[VariableBody]:
    """Return every variable with what was given for it; secrets are only told to be there."""
    return [
        {
            "name": variable.name,
            "value": _shown(variable, environ),
            "default": variable.default.strip("`"),
            "support": variable.support,
            "meaning": variable.meaning,
        }
        for variable in (*VARIABLES, *_unknown(environ))
    ]


def _unknown(environ: Mapping[str, str]) -> list[Variable]:
    """Return the variables that look like Ollama's, are given, and mean nothing here; nobody knows what they hold."""
    known = {variable.name for variable in VARIABLES}
    return [
        Variable(name=name, default="", meaning=UNKNOWN, support="not supported", is_secret=True)
        for name in sorted(environ)
        if name.startswith("OLLAMA_") and name not in known and not name.startswith(_OF_OTHERS)
    ]


def without_effect(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable that is given and does nothing."""
    return [
        f"{variable.name} does nothing here: {variable.meaning.replace('`', '')}"
        for variable in (*VARIABLES, *_unknown(environ))
        if variable.support == "not supported" and environ.get(variable.name, "").strip()
    ]


def documented_row(variable: Variable) -> str:
    """Return the variable's row in docs/reference/settings.md."""
    return f"| `{variable.name}` | {variable.default}{' ' if variable.default else ''}| {variable.meaning} |"


def _shown(variable: Variable, environ: Mapping[str, str]) -> str:
    if variable.is_secret:
        is_given = environ.get(variable.name, "").strip() or environ.get(f"{variable.name}_FILE", "").strip()
        return "given" if is_given else ""
    return environ.get(variable.name, "").strip()
