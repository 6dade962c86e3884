"""The texts and parameters that a model brings with it, as a form; and what of them a person has changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inference.errors import InferenceError
from inference.types import ModelChange, ModelContents
from webui.administration.problems import problem_of

NUMBERS: Mapping[str, tuple[type[forms.Field], Any]] = {
    "temperature": (forms.FloatField, gettext_lazy("Temperature")),
    "top_k": (forms.IntegerField, gettext_lazy("Top k")),
    "top_p": (forms.FloatField, gettext_lazy("Top p")),
    "min_p": (forms.FloatField, gettext_lazy("Min p")),
    "repeat_penalty": (forms.FloatField, gettext_lazy("Repeat penalty")),
    "num_predict": (forms.IntegerField, gettext_lazy("Longest answer")),
    "seed": (forms.IntegerField, gettext_lazy("Seed")),
}
"""Options that have a field of their own; all others are lines of `further`."""

OWN_SUFFIX = "-own"
MAX_TEXT = 1024 * 1024
MAX_LINES = 200

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\"}
_ESCAPE = re.compile(r"\\[ntr\\]")
_ESCAPED = {text: written for written, text in _ESCAPES.items()}
_NAMED_OPTION = re.compile(r'[oO]ption "(\w+)"')


class ModelTextsForm(forms.Form):
    """`base` is as it is now; an empty field means that the model shall not have such a thing."""

    name = forms.CharField(
        label=gettext_lazy("Save as"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    system = forms.CharField(
        label=gettext_lazy("System prompt"),
        required=False,
        strip=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("What the model is told before every chat that brings no system prompt of its own."),
    )
    stop = forms.CharField(
        label=gettext_lazy("Stop strings"),
        required=False,
        strip=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy(
            "One per line; an answer ends before any of them. \\n stands for a line break, \\\\ for a backslash."
        ),
    )
    further = forms.CharField(
        label=gettext_lazy("Further parameters"),
        required=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono", "placeholder": "num_ctx 8192"}),
        help_text=gettext_lazy("A name and a value per line, as in a Modelfile."),
    )
    template = forms.CharField(
        label=gettext_lazy("Chat template"),
        required=False,
        strip=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono", "wrap": "off"}),
    )

    def __init__(self, base: ModelContents, data: Any = None, *, names: frozenset[str] = frozenset()) -> None:
        """Pass as `names` what other models are called: saving never takes the place of one of them."""
        super().__init__(data, initial=_initial(base), auto_id="texts-%s")
        self._base = base
        self._names = names
        for option, (kind, label) in NUMBERS.items():
            number = kind(label=label, required=False)
            number.widget.attrs |= {"step": "any"} if kind is forms.FloatField else {}
            self.fields[option] = number
        self.fields["name"].help_text = (
            _("With another name, this model stays as it is and a new one is made.")
            if base.can_be_overwritten
            else _("The new model shares the weights of this one and takes no more room.")
        )
        self.fields["template"].help_text = _template_hint(base)

    @property
    def numbers(self) -> list[forms.BoundField]:
        return [self[option] for option in NUMBERS]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        full = (name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest").lower()
        is_itself = full == self._base.name.lower()
        if is_itself and not self._base.can_be_overwritten:
            raise ValidationError(_("This model itself is not changed. Choose another name."))
        if not is_itself and full in self._names:
            raise ValidationError(_("There is a model of this name already."))
        return name

    def clean(self) -> dict[str, Any]:
        if self.data.get("digest", self._base.digest) != self._base.digest:
            raise ValidationError(
                _("Somebody has changed this model meanwhile. Save again to put what stands here in its place.")
            )
        return self.cleaned_data

    def clean_stop(self) -> list[str]:
        lines = _lines(self.cleaned_data["stop"])
        return [_ESCAPE.sub(lambda found: _ESCAPES[found.group()], line) for line in lines]

    def clean_further(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for line in filter(None, map(str.strip, _lines(self.cleaned_data["further"]))):
            name, _space, value = line.partition(" ")
            if not value.strip() or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValidationError(_("“%(line)s” is no name with a value.") % {"line": line[:60]})
            if name in NUMBERS or name == "stop":
                raise ValidationError(_("“%(name)s” has a field of its own.") % {"name": name})
            found[name] = _value(value.strip())
        return found

    def change(self) -> ModelChange:
        """Return what is to be saved. Only what differs is sent, so that the rest stays to the byte."""
        base, new = self._base, self.cleaned_data
        numbers = {option: new[option] for option in NUMBERS if new[option] is not None}
        parameters = new["further"] | numbers | ({"stop": new["stop"]} if new["stop"] else {})
        texts = {name: _plain(new[name]) for name in ("system", "template")}
        is_changed = {name: text != _plain(getattr(base, name)) for name, text in texts.items()}
        emptied = [name for name, text in texts.items() if is_changed[name] and not text.strip()]
        return ModelChange(
            name=new["name"],
            base=base.name,
            system=texts["system"] if is_changed["system"] else "",
            template=texts["template"] if is_changed["template"] and "template" not in emptied else "",
            parameters={name: value for name, value in parameters.items() if base.parameters.get(name) != value},
            removed=(*emptied, *(name for name in base.parameters if name not in parameters)),
        )

    def focus_first_error(self) -> None:
        wrong = next((field for name, field in self.fields.items() if name in self.errors), None)
        if wrong is not None:
            wrong.widget.attrs["autofocus"] = True

    def tell(self, error: InferenceError) -> None:
        """Put what the server refuses beside the field that it is about."""
        words = problem_of(error).title
        option = _NAMED_OPTION.search(words)
        field = "name"
        if option:
            field = option.group(1) if option.group(1) in self.fields else "further"
        elif "template" in words.lower():
            field = "template"
        self.add_error(field, words)


def _initial(base: ModelContents) -> dict[str, object]:
    stop = base.parameters.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    further = {name: value for name, value in base.parameters.items() if name not in NUMBERS and name != "stop"}
    return {
        "name": base.name if base.can_be_overwritten else f"{_plain_name(base.name)}{OWN_SUFFIX}",
        "system": base.system,
        "template": base.template,
        "stop": "\n".join(_written_stop(str(text)) for text in stops),
        "further": "\n".join(f"{name} {_written(value)}" for name, value in further.items()),
        **{name: value for name, value in base.parameters.items() if name in NUMBERS},
    }


def _template_hint(base: ModelContents) -> str:
    match base.template_from:
        case "own":
            return _("It was written for this model. Leave it empty to go back to the one in its file.")
        case "manifest":
            return _("It came with the model.")
        case "file":
            return _("It stands in the model's file. What you write here takes its place.")
    return _("The model brings none, so chats are rendered in a plain way.")


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]", "-", name.rsplit("/", 1)[-1].partition(":")[0].lower())


def _written_stop(text: str) -> str:
    return re.sub(r"[\n\t\r\\]", lambda found: _ESCAPED[found.group()], text)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(text: str) -> object:
    try:
        return cast(object, json.loads(text))
    except ValueError:
        return text


def _lines(text: str) -> list[str]:
    """Return the lines that say something. Browsers send line breaks as two characters."""
    lines = [line for line in _plain(text).split("\n") if line.strip()]
    if len(lines) > MAX_LINES:
        raise ValidationError(_("More than %(n)s lines.") % {"n": MAX_LINES})
    return lines


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
