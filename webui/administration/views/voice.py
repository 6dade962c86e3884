"""The servers that read aloud and write down: enter, try, switch off, remove."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inference.errors import InferenceError
from inference.sounds import quiet_wav
from webui.accounts.decorators import admin_required
from webui.accounts.http import MemberRequest
from webui.administration.problems import problem_of
from webui.administration.voice_forms import EndpointForm
from webui.speech import queries, services
from webui.speech.models import Endpoint
from webui.speech.views import sound_response


@admin_required
@require_GET
def page(request: MemberRequest) -> HttpResponse:
    return _page(request)


@admin_required
@require_POST
def save(request: MemberRequest, task: str) -> HttpResponseBase:
    """Keep what was typed, tried or not: the server may be started later."""
    form = _form(task, request)
    if not form.is_valid():
        return _page(request, form, status=422)
    services.keep_endpoint(form.task, form.values())
    messages.success(request, _("Saved."))
    return redirect("administration:voice")


@admin_required
@require_POST
def try_out(request: MemberRequest, task: str) -> HttpResponse:
    """Answer with a sentence that the server has said, or with how it has listened, or with what is wrong.

    What was typed is tried and not kept.
    """
    form = _form(task, request)
    if not form.is_valid():
        return render(request, "administration/_voice_trial.html", {"form": form}, status=422)
    endpoint = services.with_values(form.task, form.values())
    try:
        if form.task is Endpoint.Task.SPEAK:
            return sound_response(services.speak(endpoint, _("This is how answers will sound.")))
        heard = services.transcribe(endpoint, services.checked_recording(quiet_wav(), model=endpoint.model))
    except InferenceError as exc:
        problem = problem_of(exc, kind="openai")
        return render(request, "administration/_voice_trial.html", {"problem": problem}, status=422)
    return render(request, "administration/_voice_trial.html", {"heard": heard})


@admin_required
@require_POST
def remove(request: MemberRequest, task: str) -> HttpResponseBase:
    services.remove_endpoint(_task(task))
    messages.success(request, _("Removed."))
    return redirect("administration:voice")


def _page(request: MemberRequest, wrong: EndpointForm | None = None, *, status: int = 200) -> HttpResponse:
    forms = [
        wrong if wrong and wrong.task is task else EndpointForm(task, endpoint=queries.endpoint_of(task))
        for task in Endpoint.Task
    ]
    return render(request, "administration/voice.html", {"forms": forms}, status=status)


def _form(task: str, request: MemberRequest) -> EndpointForm:
    known = _task(task)
    return EndpointForm(known, request.POST, endpoint=queries.endpoint_of(known))


def _task(name: str) -> Endpoint.Task:
    try:
        return Endpoint.Task(name)
    except ValueError as exc:
        raise Http404 from exc
