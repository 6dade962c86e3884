"""The two sides of the editor of presets: fields, or the same as a Modelfile. One turns into the other unsaved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from inference.library.modelfile import Instruction
from webui.presets.forms import OPTION_PREFIX, UNSENT_PREFIX, PresetForm, option_values
from webui.presets.modelfiles import (
    NOT_IN_MODELFILES,
    ModelfileRefused,
    Problem,
    Said,
    modelfile_of,
    read_modelfile,
    rest_as_json,
    rest_of_json,
    unused_in_chats,
)
from webui.presets.options import BY_NAME

Side = Literal["fields", "modelfile"]

SIDE, WANTED, TEXT = "side", "show", "modelfile"
"""Fields of the editor beside those of the form: which side was sent, which one is to be shown, and the text."""
_ANSWERING = ("base_model", "system_prompt", "modelfile_rest", *(OPTION_PREFIX + name for name in BY_NAME))


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """What a browser has sent, or what is to be edited.

    Attributes:
        text: The Modelfile, where that side is shown.
        problems: What is wrong with it.
    """

    form: PresetForm
    side: Side = "fields"
    text: str = ""
    problems: Sequence[Problem] = ()

    @property
    def is_right(self) -> bool:
        return not self.problems and self.form.is_valid()

    @property
    def rows(self) -> int:
        return min(max(self.text.count("\n") + 2, 14), 40)

    @property
    def unused(self) -> Sequence[str]:
        """What of the Modelfile has no field and does nothing in chats."""
        return unused_in_chats(self._rest)

    @property
    def n_examples(self) -> int:
        return sum(item.keyword == "MESSAGE" for item in self._rest)

    @property
    def _rest(self) -> Sequence[Instruction]:
        try:
            return rest_of_json(json.loads(self.form["modelfile_rest"].value()))
        except (ValueError, RecursionError):
            return []

    @property
    def hidden_options(self) -> Sequence[str]:
        """What of options Modelfiles do not say, as it goes with a Modelfile out of sight."""
        unsaid = [OPTION_PREFIX + name for name in BY_NAME if name in NOT_IN_MODELFILES]
        unsent = [UNSENT_PREFIX + name for name in BY_NAME if self.form[UNSENT_PREFIX + name].value()]
        return [self.form[name].as_hidden() for name in [*unsaid, *unsent]]


def sent_editor(
    data: QueryDict, files: MultiValueDict[str, Any], *, models: Sequence[str], system_prompt: str = ""
) -> Editor:
    """Return what was sent, with the other side shown if that is wanted and this one makes sense.

    Args:
        models: Those that can be chosen.
        system_prompt: Of the preset as it is stored.
    """
    side: Side = "modelfile" if data.get(SIDE) == "modelfile" else "fields"
    wanted = data.get(WANTED, side)
    if side == "fields":
        form = PresetForm(data, files, models=models)
        if wanted != "modelfile" or any(name in form.errors for name in _ANSWERING):
            return Editor(form=form)
        return Editor(form=form, side="modelfile", text=modelfile_of(_said_in(form)))
    text = data.get(TEXT, "").replace("\r\n", "\n")
    try:
        said = read_modelfile(text, models, now=system_prompt)
    except ModelfileRefused as exc:
        return Editor(form=PresetForm(data, files, models=models), side=side, text=text, problems=exc.problems)
    form = PresetForm(_filled_in(data, said), files, models=models)
    return Editor(form=form, side="fields" if wanted == "fields" else side, text=text)


def _said_in(form: PresetForm) -> Said:
    data = form.cleaned_data
    return Said(
        base_model=data["base_model"],
        system_prompt=data["system_prompt"],
        options=form.chosen_options(),
        rest=data["modelfile_rest"],
    )


def _filled_in(data: QueryDict, said: Said) -> QueryDict:
    """Return the fields as they are with what a Modelfile says."""
    filled = data.copy()
    for name in said.options:
        filled.pop(UNSENT_PREFIX + name, None)
    values = {
        "base_model": said.base_model,
        "system_prompt": said.system_prompt,
        "modelfile_rest": rest_as_json(said.rest),
        **{OPTION_PREFIX + name: "" for name in BY_NAME if name not in NOT_IN_MODELFILES},
        **option_values(said.options),
    }
    fields = PresetForm(models=()).fields
    for name, value in values.items():
        filled[name] = str(fields[name].prepare_value(value))
    return filled


def said_by_preset(content: Mapping[str, Any]) -> Said:
    """Return what the Modelfile of a stored preset says."""
    return Said(
        base_model=content["base_model"],
        system_prompt=content["system_prompt"],
        options=content["options"],
        rest=rest_of_json(content["modelfile_rest"]),
    )
