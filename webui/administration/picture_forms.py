"""What administrators type about servers that make pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms import BoundField
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from webui.accounts.models import Group
from webui.administration.connection_forms import UpstreamForm
from webui.imagery import workflows
from webui.imagery.conf import MAX_SIDE_PX, MIN_SIDE_PX, WORKFLOW_MAX_BYTES
from webui.imagery.errors import WorkflowRefused
from webui.imagery.models import ImageConnection
from webui.imagery.types import SLOTS, ImagerySpec, Kind, Offer, Place, Slot
from webui.ui.numbers import grouped

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MAX_SIZES: Final = 12
_SIZE = re.compile(r"(\d{2,4})\s*[x×]\s*(\d{2,4})")
_EXAMPLES: Final[Mapping[Kind, str]] = {
    "openai": "https://api.openai.com/v1",
    "automatic1111": "http://localhost:7860",
    "comfyui": "http://localhost:8188",
}
_ADDRESS_HELP: Final[Mapping[Kind, _StrPromise]] = {
    "openai": _("It usually ends in /v1."),
    "automatic1111": _("The server has to be started with --api."),
    "comfyui": _("The address of its page."),
}
_SIZES: Final[Mapping[Kind, str]] = {
    "openai": "1024x1024, 1536x1024, 1024x1536",
    "automatic1111": "512x512, 768x512, 512x768",
    "comfyui": "1024x1024, 1344x768, 768x1344",
}
_SLOT_LABELS: Final[Mapping[Slot, _StrPromise]] = {
    "prompt": _("Prompt"),
    "negative_prompt": _("What to leave out"),
    "width": _("Width"),
    "height": _("Height"),
    "seed": _("Seed"),
    "steps": _("Steps"),
    "model": _("Model"),
    "count": _("Number of pictures"),
}
_WORKFLOW_PROBLEMS: Final[Mapping[str, _StrPromise]] = {
    "not_json": _("This is no JSON. In ComfyUI, choose “Export (API)” and bring that file."),
    "of_the_page": _("This is a workflow as ComfyUI's page keeps it. Choose “Export (API)” there and bring that file."),
    "no_nodes": _("There are no nodes in it, or not as ComfyUI's “Export (API)” writes them."),
    "too_large": _("The workflow is larger than %(limit)s kB."),
    "no_prompt": _("Say where the prompt goes."),
    "unmapped": _("This input is not in the workflow any more."),
}


class PictureConnectionForm(UpstreamForm):
    """A new connection of one kind, or a changed one."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("As people see it beside their pictures."))
    model = forms.CharField(
        label=_("Model"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "offered-models"}),
        help_text=_("Empty for the one that the server has loaded. “Test” asks the server what it has."),
    )
    sampler = forms.CharField(
        label=_("Sampler"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "offered-samplers"}),
        help_text=_("Empty for the server's own."),
    )
    steps = forms.IntegerField(
        label=_("Steps"), required=False, min_value=1, max_value=200, help_text=_("Empty for the server's own.")
    )
    sizes = forms.CharField(
        label=_("Sizes"),
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("In pixels, separated by commas. People choose among them; the first is the usual one."),
    )
    workflow_file = forms.FileField(
        label=_("Workflow"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
        help_text=_("A file that ComfyUI has written with “Export (API)”."),
    )
    # Carries an uploaded workflow from one answer of the form to the next.
    workflow_text = forms.CharField(required=False, max_length=WORKFLOW_MAX_BYTES, widget=forms.HiddenInput)
    audience = forms.ChoiceField(
        label=_("Who may use it"),
        choices=(("everybody", _("Everybody")), ("groups", _("Members of some groups"))),
        widget=forms.RadioSelect,
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.all(),
        required=False,
        to_field_name="uuid",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self, kind: Kind, data: Any = None, files: Any = None, *, connection: ImageConnection | None = None
    ) -> None:
        has_key = connection is not None and connection.has_key
        initial = _initial(connection) if connection else {"sizes": _SIZES[kind], "audience": "everybody"}
        super().__init__(data, files=files, is_new=connection is None, has_key=has_key, initial=initial)
        self.kind, self.connection = kind, connection
        self.workflow: dict[str, Any] = {}
        address = self.fields["base_url"]
        address.help_text, address.widget.attrs["placeholder"] = _ADDRESS_HELP[kind], _EXAMPLES[kind]
        if kind == "automatic1111" and not has_key:
            self.fields["key"].help_text = _("As name:password, if the server is started with --api-auth.")
        if kind != "automatic1111":
            del self.fields["sampler"]
        if kind == "openai":
            del self.fields["steps"]
        if kind == "comfyui":
            self._add_slots()
        else:
            del self.fields["workflow_file"], self.fields["workflow_text"]

    # ---- the workflow of ComfyUI ----

    def _add_slots(self) -> None:
        """Offer for each slot the inputs of the workflow that is there by now; what is likely is chosen already."""
        self.workflow, self._workflow_problem = self._found_workflow()
        if not self.workflow:
            return
        stored = self.connection.mapping if self.connection else {}
        is_stored = self.connection is not None and self.workflow == self.connection.workflow
        chosen = stored if is_stored else workflows.proposal(self.workflow)
        for slot in SLOTS:
            field = _slot_field(self.workflow, slot)
            if slot in chosen:
                field.initial = _name_of((chosen[slot][0], chosen[slot][1]))
            self.fields[f"slot_{slot}"] = field
        if self.is_bound:
            self.data = self._with_workflow(is_new=bool(self.files.get("workflow_file")))

    def _with_workflow(self, *, is_new: bool) -> dict[str, Any]:
        """Return what was sent, with the workflow as text. What was chosen for another workflow is chosen anew."""
        data = dict(self.data.items()) | {"workflow_text": json.dumps(self.workflow)}
        data["groups"] = self.data.getlist("groups") if isinstance(self.data, QueryDict) else []
        if is_new:
            data |= {f"slot_{slot}": self.fields[f"slot_{slot}"].initial or "" for slot in SLOTS}
        return data

    def _found_workflow(self) -> tuple[dict[str, Any], str]:
        """Return the newest workflow, and what is wrong with one that was brought now."""
        file = self.files.get("workflow_file") if self.is_bound else None
        texts: list[str | bytes] = []
        if isinstance(file, UploadedFile):
            texts.append(file.read(WORKFLOW_MAX_BYTES + 1))
        if self.is_bound and self.data.get("workflow_text"):
            texts.append(self.data["workflow_text"])
        problem = ""
        for text in texts:
            try:
                return workflows.read(text), problem
            except WorkflowRefused as exc:
                problem = problem or exc.problem
        return (dict(self.connection.workflow) if self.connection else {}), problem

    def slots(self) -> Iterator[BoundField]:
        return (self[name] for name in self.fields if name.startswith("slot_"))

    @property
    def has_new_workflow(self) -> bool:
        """Whether its inputs were proposed just now, and are to be looked at before anything is saved."""
        return bool(self.files.get("workflow_file")) and bool(self.workflow)

    @property
    def mapping(self) -> dict[str, Place]:
        chosen = {slot: self.cleaned_data.get(f"slot_{slot}") for slot in SLOTS}
        return {slot: place for slot, place in chosen.items() if place}

    # ---- checks ----

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = ImageConnection.objects.filter(name=name)
        if self.connection:
            others = others.exclude(pk=self.connection.pk)
        if others.exists():
            raise ValidationError(_("Another connection has this name."))
        return name

    def clean_sizes(self) -> list[list[int]]:
        sizes: list[list[int]] = []
        for part in filter(None, map(str.strip, self.cleaned_data["sizes"].split(","))):
            found = _SIZE.fullmatch(part)
            size = [int(found[1]), int(found[2])] if found else []
            if not size or min(size) < MIN_SIDE_PX or max(size) > MAX_SIDE_PX:
                raise ValidationError(
                    _("“%(size)s” is no size from %(least)s to %(most)s pixels a side, such as 1024x768."),
                    params={"size": part, "least": MIN_SIDE_PX, "most": grouped(MAX_SIDE_PX)},
                )
            if size not in sizes:
                sizes.append(size)
        if not 1 <= len(sizes) <= MAX_SIZES:
            raise ValidationError(_("Name at least one size, and at most %(most)s."), params={"most": MAX_SIZES})
        return sizes

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.kind == "comfyui":
            self._check_workflow()
        if data.get("audience") == "groups" and not data.get("groups"):
            self.add_error("groups", _("Choose at least one group."))
        return data

    def _check_workflow(self) -> None:
        if self._workflow_problem:
            words = _WORKFLOW_PROBLEMS[self._workflow_problem] % {"limit": WORKFLOW_MAX_BYTES // 1024}
            self.add_error("workflow_file", words)
        elif not self.workflow:
            self.add_error("workflow_file", _("Bring the workflow that pictures are made with."))
        elif "prompt" not in self.mapping:
            self.add_error("slot_prompt", _WORKFLOW_PROBLEMS["no_prompt"])

    # ---- what was typed ----

    def values(self) -> dict[str, Any]:
        """Return the columns of a connection, beside its key and groups."""
        data = self.cleaned_data
        names = ("name", "base_url", "model", "sizes", "sampler", "steps")
        values = {name: data[name] for name in names if name in data} | {"is_restricted": data["audience"] == "groups"}
        if self.kind == "comfyui":
            values |= {"workflow": self.workflow, "mapping": self.mapping}
        return values

    def spec(self, stored_key: str) -> ImagerySpec:
        """Return what to test: with the key that was typed, or the stored one."""
        data = self.cleaned_data
        return ImagerySpec(
            uuid="",
            name=data["name"],
            kind=self.kind,
            url=data["base_url"],
            key=stored_key if self.new_key is None else self.new_key,
            model=data["model"],
            workflow=self.workflow,
            mapping=cast(dict[Slot, Place], self.mapping) if self.kind == "comfyui" else {},
        )


def offered(offer: Offer) -> dict[str, Any]:
    """Return what a form offers to choose from, for its template."""
    return {"offered_models": offer.models, "offered_samplers": offer.samplers}


def _initial(connection: ImageConnection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "base_url": connection.base_url,
        "model": connection.model,
        "sampler": connection.sampler,
        "steps": connection.steps,
        "sizes": ", ".join(map(str, connection.offered_sizes)),
        "audience": "groups" if connection.is_restricted else "everybody",
        "groups": [group.uuid for group in connection.groups.all()],
    }


def _slot_field(workflow: Mapping[str, Any], slot: Slot) -> forms.TypedChoiceField:
    found = workflows.candidates(workflow, slot)
    places = {_name_of(one.place): one.place for one in found}
    choices = [(_name_of(one.place), f"{one.title} · {one.place[1]} · {_shown(one.value)}") for one in found]
    return forms.TypedChoiceField(
        label=_SLOT_LABELS[slot],
        choices=[("", _("Stays as it is in the workflow")), *choices],
        coerce=places.get,
        empty_value=None,
        required=False,
    )


def _name_of(place: Place) -> str:
    return json.dumps(place)


def _shown(value: str | int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004
