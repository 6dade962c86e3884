"""What browsers send to the pages of presets."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inference.library.modelfile import Instruction
from webui.presets import options, pictures
from webui.presets.errors import ImportRefused, PictureRefused
from webui.presets.levels import Level, effective_options
from webui.presets.modelfiles import rest_of_json
from webui.presets.models import (
    COMMAND_MAX_LENGTH,
    DESCRIPTION_MAX_LENGTH,
    NAME_MAX_LENGTH,
    PROMPT_MAX_LENGTH,
    SYMBOL_MAX_LENGTH,
    SYSTEM_PROMPT_MAX_LENGTH,
)
from webui.presets.options import Option
from webui.presets.prompts import COMMAND
from webui.presets.wording import note_on

MAX_SUGGESTIONS = 6
SUGGESTION_MAX_LENGTH = 200
MAX_DOCUMENTS = 50
MAX_KNOWLEDGE = 20
OPTION_PREFIX = "option_"
UNSENT_PREFIX = "unsent_"


class LinesField(forms.CharField):
    """A few texts, one a line; empty lines do not count."""

    def __init__(self, *, max_lines: int, max_line_length: int, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            max_length=max_lines * (max_line_length + 2),
            widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
            **kwargs,
        )
        self.max_lines = max_lines
        self.max_line_length = max_line_length

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: object) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines()]
        kept = [line for line in lines if line]
        if len(kept) > self.max_lines or any(len(line) > self.max_line_length for line in kept):
            raise forms.ValidationError(
                _("At most %(n)d lines of %(length)d characters each.")
                % {"n": self.max_lines, "length": self.max_line_length}
            )
        return kept


class StopTextsField(LinesField):
    """Texts in which a line break is written `\n`, and a blank at an end `\\s`: one that nobody sees is lost."""

    def __init__(self, *, max_line_length: int, **kwargs: Any) -> None:
        super().__init__(max_line_length=max_line_length * _LONGEST_ESCAPE, **kwargs)
        self.max_text_length = max_line_length

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value([_escaped(text) for text in value] if isinstance(value, list) else value)

    def clean(self, value: object) -> list[str]:
        texts = [_ESCAPE.sub(_character, line) for line in super().clean(value)]
        if any(len(text) > self.max_text_length for text in texts):
            raise forms.ValidationError(_("Each has at most %(n)d characters.") % {"n": self.max_text_length})
        return texts


_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t", "s": " "}
_ESCAPE = re.compile(r"\\(?:([\\nrts])|u([0-9a-f]{4}))")
_LONGEST_ESCAPE = 6
# What would end a line of the field, or be stripped from it.
_ODD = re.compile(r"\\|[^\S ]|[\x1c-\x1f\x85]|^ | $")


def _escaped(text: str) -> str:
    names = {character: name for name, character in _ESCAPED.items()}
    return _ODD.sub(lambda found: f"\\{names.get(found[0]) or f'u{ord(found[0]):04x}'}", text)


def _character(escape: re.Match[str]) -> str:
    return _ESCAPED[escape[1]] if escape[1] else chr(int(escape[2], 16))


class UuidListField(forms.Field):
    """The ids that a list of hidden fields holds."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, max_items: int, too_many: Any) -> None:
        super().__init__(required=False)
        self.max_items = max_items
        self.too_many = too_many

    def clean(self, value: Any) -> list[UUID]:
        try:
            wanted = list(dict.fromkeys(UUID(str(one)) for one in value or ()))
        except ValueError as exc:
            raise forms.ValidationError(_("Something in this list is no document and no knowledge.")) from exc
        if len(wanted) > self.max_items:
            raise forms.ValidationError(self.too_many % {"n": self.max_items})
        return wanted


class FormatWidget(forms.MultiWidget):
    """What the answer is to be, and the schema where it is to follow one."""

    def __init__(self) -> None:
        kinds = [("", _("As the model likes")), ("json", _("Any JSON")), (_SCHEMA, _("JSON that follows a schema"))]
        area = {"rows": 8, "autocomplete": "off", "spellcheck": "false", "aria-label": _("JSON schema"),
                "placeholder": '{"type": "object"}'}  # fmt: skip
        super().__init__({"": forms.Select(choices=kinds), _SCHEMA: forms.Textarea(attrs=area)})

    def decompress(self, value: str | None) -> list[str]:
        return [value or "", ""] if value in (None, "", "json") else [_SCHEMA, value]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:  # type: ignore[override]  # one value
        chosen = data.get(name, "")
        return str(data.get(f"{name}_{_SCHEMA}", "") or "{}") if chosen == _SCHEMA else chosen

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0"


class FormatField(forms.CharField):
    """The word `json`, or a JSON schema."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=options.MAX_SCHEMA_CHARACTERS, widget=FormatWidget(), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else value

    def clean(self, value: object) -> options.Value:
        text: str = super().clean(value)
        if text.lower() in ("", "json"):
            return text.lower()
        try:
            schema = json.loads(text)
        except json.JSONDecodeError as exc:
            place = {"line": exc.lineno, "column": exc.colno, "detail": exc.msg}
            raise forms.ValidationError(
                _("This is no JSON: line %(line)d, column %(column)d, %(detail)s.") % place
            ) from exc
        except RecursionError as exc:
            raise forms.ValidationError(_("This schema is nested too deeply.")) from exc
        if not options.is_schema(schema):
            raise forms.ValidationError(_("A JSON schema is an object, such as {“type”: “object”}."))
        if mistake := options.mistake_in_schema(schema):
            raise forms.ValidationError(_("The schema is not right at %(place)s: %(detail)s") % mistake)
        return dict(schema)


_SCHEMA = "schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionField:
    """The field of one option. `note` says what holds while it is empty; `unsent` takes back what is set elsewhere."""

    field: forms.BoundField
    unsent: forms.BoundField | None
    note: str
    is_set: bool


class AnswerForm(forms.Form):
    """What a model is told, and how it is asked: a system prompt, and the table of `options`, field by field."""

    system_prompt = forms.CharField(
        label=_("System prompt"), max_length=SYSTEM_PROMPT_MAX_LENGTH, required=False,
        help_text=_("What the model is told before every question: who it is, how it answers."),
        widget=forms.Textarea(attrs={"rows": 6}),
    )  # fmt: skip

    def __init__(
        self, *args: Any, levels: Sequence[Level] | None = None, takes_back: bool = True, **kwargs: Any
    ) -> None:
        """Make the fields.

        Args:
            levels: The more general ones, of which each field then says what it inherits.
            takes_back: There are more general ones, so that their options can be taken back.
        """
        super().__init__(*args, **kwargs)
        self.inherited = None if levels is None else effective_options(levels)
        for option in options.OPTIONS:
            self.fields[OPTION_PREFIX + option.name] = _field_of(option)
            if takes_back:
                self.fields[UNSENT_PREFIX + option.name] = forms.BooleanField(required=False, label=_("Not sent"))

    @property
    def option_rows(self) -> list[OptionField]:
        return [self._row(option) for option in options.OPTIONS]

    def _row(self, option: Option) -> OptionField:
        field = self[OPTION_PREFIX + option.name]
        unsent = self[UNSENT_PREFIX + option.name] if UNSENT_PREFIX + option.name in self.fields else None
        is_set = field.value() not in (None, "", []) or (unsent is not None and bool(unsent.value()))
        note = "" if self.inherited is None else note_on(self.inherited.get(option.name), is_set=is_set)
        return OptionField(field=field, unsent=unsent, note=note, is_set=is_set)

    @property
    def has_options(self) -> bool:
        """Whether any is set, or wrong: then they are shown without being asked for."""
        return any(row.is_set or row.field.errors for row in self.option_rows)

    def clean_system_prompt(self) -> str:
        # Browsers send line breaks as two characters, which models are not used to.
        text: str = self.cleaned_data["system_prompt"]
        return text.replace("\r\n", "\n")

    def chosen_options(self) -> dict[str, options.Value | None]:
        """Return the options that were filled in, and None for those that are not to be sent."""
        given = {option.name: self.cleaned_data[OPTION_PREFIX + option.name] for option in options.OPTIONS}
        unsent = {name for name in given if self.cleaned_data.get(UNSENT_PREFIX + name)}
        return {
            name: None if name in unsent else value
            for name, value in given.items()
            if name in unsent or value not in (None, "", [])
        }


class RestField(forms.CharField):
    """What of a Modelfile the form has no field for; it goes with the form out of sight."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False, strip=False)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value or [])

    def clean(self, value: object) -> list[Instruction]:
        try:
            return rest_of_json(json.loads(super().clean(value) or "[]"))
        except (ValueError, RecursionError) as exc:
            raise forms.ValidationError(_("The rest of the Modelfile is damaged. Load the page anew.")) from exc


class PresetForm(AnswerForm):
    """All of a preset but whom it is shared with."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_MAX_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    symbol = forms.CharField(
        label=_("Symbol"), max_length=SYMBOL_MAX_LENGTH, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("A or ★")}),
    )  # fmt: skip
    picture = forms.FileField(
        label=_("Picture"), required=False, max_length=1000,
        help_text=_("In place of the symbol: PNG, JPEG, WebP or GIF, at most 4 MB. It is made small and square."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
    )  # fmt: skip
    removes_picture = forms.BooleanField(label=_("Remove the picture"), required=False)
    description = forms.CharField(label=_("Description"), max_length=DESCRIPTION_MAX_LENGTH, required=False)
    base_model = forms.ChoiceField(label=_("Model that answers"))
    suggestions = LinesField(
        label=_("Suggestions"), max_lines=MAX_SUGGESTIONS, max_line_length=SUGGESTION_MAX_LENGTH,
        help_text=_("Offered in an empty chat. One a line, at most six."),
    )  # fmt: skip
    modelfile_rest = RestField()
    documents = UuidListField(max_items=MAX_DOCUMENTS, too_many=_("At most %(n)d documents."))
    knowledge = UuidListField(max_items=MAX_KNOWLEDGE, too_many=_("At most %(n)d pieces of knowledge."))

    def __init__(self, *args: Any, models: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["base_model"].choices = [(model, model) for model in models]  # type: ignore[attr-defined]

    def clean_picture(self) -> bytes:
        """Return the picture as it is kept; empty when none was sent."""
        sent = self.cleaned_data["picture"]
        if not sent:
            return b""
        try:
            if sent.size > pictures.MAX_FILE_BYTES:
                raise PictureRefused(PictureRefused.TOO_LARGE)
            return pictures.redrawn(sent)
        except PictureRefused as exc:
            raise forms.ValidationError(
                _("The picture is too large.")
                if exc.problem == PictureRefused.TOO_LARGE
                else _("This is no picture that can be read: PNG, JPEG, WebP or GIF.")
            ) from exc

    def clean_symbol(self) -> str:
        symbol: str = self.cleaned_data["symbol"].strip()
        if any(unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp") for char in symbol):
            raise forms.ValidationError(_("One emoji or one letter, without spaces."))
        return symbol


def option_values(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options as a form shows them."""
    return {
        UNSENT_PREFIX + name if value is None else OPTION_PREFIX + name: True if value is None else _shown(name, value)
        for name, value in options.stored_options(stored).items()
    }


def _shown(name: str, value: options.Value) -> options.Value:
    if options.BY_NAME[name].kind != "think":
        return value
    return next(word for word, think in options.THINK_CHOICES.items() if think is value or think == value)


def _field_of(option: Option) -> forms.Field:
    words: dict[str, Any] = {"label": option.label, "help_text": option.help}
    match option.kind:
        case "texts":
            return StopTextsField(max_lines=options.MAX_STOPS, max_line_length=options.MAX_STOP_CHARACTERS, **words)
        case "think":
            return ThinkField(**words)
        case "format":
            return FormatField(**words)
        case "number":
            return forms.FloatField(required=False, min_value=option.least, max_value=option.most, **words)
        case _:
            return forms.IntegerField(required=False, min_value=int(option.least), max_value=int(option.most), **words)


class ThinkField(forms.TypedChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        choices = [
            ("", _("As the model likes")), ("on", _("On")), ("off", _("Off")), ("low", _("Low")),
            ("medium", _("Medium")), ("high", _("High")),
        ]  # fmt: skip
        super().__init__(
            required=False, choices=choices, coerce=options.THINK_CHOICES.__getitem__, empty_value=None, **kwargs
        )


class PromptForm(forms.Form):
    """All of a prompt preset but whom it is shared with."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_MAX_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    command = forms.CharField(
        label=_("Command"), max_length=COMMAND_MAX_LENGTH + 1, required=False,
        help_text=_("What is typed after / to insert it. Left empty, it is made of the name."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "/summary"}),
    )  # fmt: skip
    content = forms.CharField(
        label=_("Text"), max_length=PROMPT_MAX_LENGTH, strip=False, widget=forms.Textarea(attrs={"rows": 12})
    )

    def clean_command(self) -> str:
        command: str = self.cleaned_data["command"].removeprefix("/")
        if command and not COMMAND.fullmatch(command):
            raise forms.ValidationError(_("Letters, digits, - and _ only."))
        return command

    def clean_content(self) -> str:
        # Browsers send line breaks as two characters, which models are not used to.
        text: str = self.cleaned_data["content"].replace("\r\n", "\n")
        if not text.strip():
            raise forms.ValidationError(_("A prompt needs a text."))
        return text


class PresetFileForm(forms.Form):
    """A file of presets. Each kind says in `refusals` what is wrong with one, by the problems of `ImportRefused`."""

    help: ClassVar[Promise | str] = ""
    refusals: ClassVar[Mapping[str, Promise]] = {}
    file = forms.FileField(
        label=_("File"), max_length=1000, widget=forms.FileInput(attrs={"accept": ".json,application/json"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = str(self.help)


class PromptsFileForm(PresetFileForm):
    help = _("A JSON file: prompts that were exported here or from Open WebUI, at most 10 MB.")
    refusals = {
        ImportRefused.TOO_LARGE: _("The file is too large: at most 10 MB and 5,000 prompts."),
        ImportRefused.NO_JSON: _("This is no JSON file, or it is damaged."),
        ImportRefused.NOTHING: _("There are no prompts in this file."),
    }


class PresetsFileForm(PresetFileForm):
    help = _("A JSON file: presets that were exported here, or models from Open WebUI, at most 25 MB.")
    refusals = {
        ImportRefused.TOO_LARGE: _("The file is too large: at most 25 MB and 5,000 presets."),
        ImportRefused.NO_JSON: _("This is no JSON file, or it is damaged."),
        ImportRefused.NOTHING: _("There are no presets in this file."),
    }
