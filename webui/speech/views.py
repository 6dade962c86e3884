"""Reading aloud, writing down, and how somebody likes both."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from inference.errors import InferenceError
from inference.sounds import sound_kind
from webui.accounts.decorators import member_required, needs
from webui.accounts.http import MemberRequest
from webui.accounts.permissions import Permission
from webui.speech import services
from webui.speech.contexts import voice_view
from webui.speech.errors import NotOffered, SpeechError
from webui.speech.forms import SayForm, VoiceForm
from webui.speech.wording import sentence_of


@require_POST
@member_required
@needs(Permission.VOICE)
def say(request: MemberRequest) -> HttpResponse:
    """Answer with a piece of text as sound."""
    form = SayForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": _("This cannot be read aloud.")}, status=422)
    try:
        sound = services.say(
            request.user,
            form.cleaned_data["text"],
            voice=form.cleaned_data["voice"],
            speed=form.cleaned_data["speed"] or 1.0,
        )
    except NotOffered as exc:
        raise Http404 from exc
    except (SpeechError, InferenceError) as exc:
        return _refused(exc)
    return sound_response(sound)


@require_POST
@member_required
@needs(Permission.VOICE)
def write_down(request: MemberRequest) -> JsonResponse:
    """Answer with what is said in a recording, which is the body."""
    try:
        return JsonResponse({"text": services.write_down(request.user, request.body)})
    except NotOffered as exc:
        raise Http404 from exc
    except (SpeechError, InferenceError) as exc:
        return _refused(exc)


@require_http_methods(["GET", "POST"])
@member_required
def preferences(request: MemberRequest) -> HttpResponse:
    form = VoiceForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        request.user.save(update_fields=list(form.fields))
        messages.success(request, _("Saved."))
        return redirect("speech:preferences")
    context = {"form": form, "voice": voice_view(request.user)}
    return render(request, "speech/preferences.html", context, status=422 if form.errors else 200)


def sound_response(sound: bytes) -> HttpResponse:
    """Answer with sound, as what it is and not as what a server calls it."""
    kind = sound_kind(sound)
    response = HttpResponse(sound, content_type=kind.media_type if kind else "application/octet-stream")
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _refused(error: SpeechError | InferenceError) -> JsonResponse:
    sentence, status = sentence_of(error)
    return JsonResponse({"error": sentence}, status=status)
