"""What is wrong with a connection or a model, in words for an administrator, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from inference.errors import (
    BadCredentials,
    ConnectionFailed,
    ConnectionLost,
    ConnectionRefused,
    HostNotFound,
    InferenceError,
    InvalidRequest,
    KeyUnreadable,
    ModelLoadFailed,
    ModelNotFound,
    QueueFull,
    RunnerDied,
    UpstreamRefused,
    UpstreamTimeout,
    WrongService,
)

CONTAINER_HOST = "host.docker.internal"
CONTAINER_MARKERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
NAMES = {"ollama": "Ollama", "automatic1111": "AUTOMATIC1111", "comfyui": "ComfyUI"}
LISTENING = {"ollama": "OLLAMA_HOST=0.0.0.0", "automatic1111": "--listen --api", "comfyui": "--listen"}
"""What lets a server listen for other machines."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  (compared, not bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem as a page shows it.

    Attributes:
        suggested_url: An address that probably works instead; empty when there is none to offer.
        command: What to type on the server; empty when nothing.
    """

    title: str
    advice: str = ""
    suggested_url: str = ""
    command: str = ""


def problem_of(error: Exception, *, kind: str = "ollama") -> Problem:
    """Return the words for an error. `kind` is what the connection was meant to speak."""
    match error:
        case ConnectionRefused():
            return _refused(error, kind)
        case HostNotFound():
            return Problem(
                title=_("No machine is called “%(host)s”.") % {"host": _host(error)},
                advice=_("Check the spelling of the address."),
            )
        case UpstreamTimeout():
            return Problem(
                title=_("%(host)s does not answer in time.") % {"host": _host(error)},
                advice=_("The machine may be off, or a firewall may stand between."),
            )
        case WrongService():
            return _wrong_service(error, kind)
        case ConnectionLost():
            return Problem(title=_("%(host)s hangs up without an answer.") % {"host": _host(error)})
        case ConnectionFailed():
            return Problem(title=_("%(host)s cannot be reached.") % {"host": _host(error)}, advice=error.detail)
        case BadCredentials():
            return Problem(title=_("The key is not accepted."), advice=error.detail)
        case KeyUnreadable():
            return Problem(
                title=_("The stored key cannot be read any more."),
                advice=_("This site's secret key has changed since it was entered. Enter the key again."),
            )
    return _model_problem(error)


def is_in_container() -> bool:
    return any(marker.exists() for marker in CONTAINER_MARKERS)


def _refused(error: ConnectionRefused, kind: str) -> Problem:
    parts = urlsplit(error.url)
    if parts.hostname in LOCAL_NAMES and is_in_container():
        return Problem(
            title=_("Nothing listens at %(host)s inside this container.") % {"host": parts.netloc},
            advice=_(
                "Hearth runs in a container, where “localhost” is the container itself. The machine around it is "
                "called “host.docker.internal”. On Linux, the container must be started with the option below; the "
                "docker-compose.yml of Hearth has it already."
            ),
            suggested_url=_with_host(error.url, CONTAINER_HOST),
            command="--add-host=host.docker.internal:host-gateway",
        )
    if parts.hostname in LOCAL_NAMES:
        return Problem(
            title=_("Nothing listens at %(host)s.") % {"host": parts.netloc},
            advice=_("Is the server started, and is that its port?"),
        )
    return Problem(
        title=_("%(host)s refuses the connection.") % {"host": parts.netloc},
        advice=_(
            "Is the server started there, and does it listen for other machines? %(server)s does so only when it is "
            "started with the setting below."
        )
        % {"server": NAMES.get(kind, NAMES["ollama"])},
        command=LISTENING.get(kind, LISTENING["ollama"]),
    )


def _wrong_service(error: WrongService, kind: str) -> Problem:
    if error.detail.startswith("redirects to "):
        target = error.detail.removeprefix("redirects to ")
        return Problem(
            title=_("The address redirects to %(target)s.") % {"target": target},
            advice=_("Redirects are not followed, so that the key goes nowhere else. Enter the final address."),
        )
    if kind == "openai" and not urlsplit(error.url).path.strip("/"):
        return Problem(
            title=_("Something answers there, but not OpenAI's API."),
            advice=_("Most servers offer it below “/v1”."),
            suggested_url=f"{error.url}/v1",
        )
    if kind == "automatic1111":
        return Problem(
            title=_("Something answers there, but not AUTOMATIC1111's API."),
            advice=_("It is there only when the server is started with the option below. (%(detail)s)")
            % {"detail": error.detail},
            command="--api",
        )
    expected = NAMES.get(kind, "OpenAI")
    return Problem(
        title=_("Something answers there, but not %(api)s's API.") % {"api": expected},
        advice=_("Is it the right address, and the right kind of connection? (%(detail)s)") % {"detail": error.detail},
    )


def _model_problem(error: Exception) -> Problem:
    match error:
        case ModelNotFound():
            return Problem(title=_("There is no model “%(model)s”.") % {"model": error.model})
        case ModelLoadFailed():
            return Problem(title=_("“%(model)s” cannot be loaded.") % {"model": error.model}, advice=error.detail)
        case RunnerDied():
            return Problem(
                title=_("The process of “%(model)s” ended unexpectedly.") % {"model": error.model},
                advice=_("Usually there was not enough memory."),
            )
        case QueueFull():
            return Problem(title=_("The server is busy."), advice=_("Try again in a moment."))
        case InvalidRequest():
            return Problem(title=error.detail[:1].upper() + error.detail[1:])
        case UpstreamRefused():
            return Problem(
                title=error.detail or _("The server answers with error %(status)s.") % {"status": error.status}
            )
        case InferenceError():
            return Problem(title=_("It did not work."))
    raise error


def _host(error: ConnectionFailed) -> str:
    return urlsplit(error.url).netloc or error.url


def _with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()
