"""Keys that do something wherever one is: declared here alone. Pages list them from this, and act by that list.

Each key is named as browsers name it (`KeyboardEvent.key`, letters small); `mod` is Ctrl, and on a Mac the command key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Act = Literal["", "list", "palette", "press", "compose", "stop", "copy", "previous", "next"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """One of them.

    Attributes:
        keys: Pressed together.
        act: What is done; empty where the key already means that in its field, and is only told.
        target: A selector of what is pressed, for `press`.
    """

    keys: Sequence[str]
    label: Promise
    act: Act = ""
    target: str = ""

    @property
    def is_single(self) -> bool:
        """Whether it is one character alone: who speaks to their computer, or slips, types such by mistake."""
        return bool(self.act) and len(self.keys) == 1 and len(self.keys[0]) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutGroup:
    label: Promise
    shortcuts: Sequence[Shortcut]


SHORTCUTS: Final = (
    ShortcutGroup(
        label=_("Everywhere"),
        shortcuts=(
            Shortcut(keys=("?",), label=_("Show these shortcuts"), act="list"),
            Shortcut(keys=("mod", "k"), label=_("Go to a chat or a page, or do something"), act="palette"),
            Shortcut(keys=("mod", "shift", "o"), label=_("New chat"), act="press", target="a[data-new-chat]"),
            Shortcut(
                keys=("mod", "shift", "f"), label=_("Search"), act="press", target=".navigation a[href$='/search/']"
            ),
            Shortcut(
                keys=("mod", "shift", "s"),
                label=_("Show or hide the sidebar"),
                act="press",
                target="[data-toggle-sidebar]",
            ),
            Shortcut(keys=("Escape",), label=_("Close what lies on top")),
        ),
    ),
    ShortcutGroup(
        label=_("In a chat"),
        shortcuts=(
            Shortcut(keys=("alt", "ArrowUp"), label=_("Previous message"), act="previous"),
            Shortcut(keys=("alt", "ArrowDown"), label=_("Next message"), act="next"),
            Shortcut(keys=("shift", "Escape"), label=_("Go to the message field"), act="compose"),
            Shortcut(keys=("mod", "."), label=_("Stop the answer"), act="stop"),
            Shortcut(keys=("mod", "shift", "c"), label=_("Copy the last answer"), act="copy"),
        ),
    ),
    ShortcutGroup(
        label=_("In the message field"),
        shortcuts=(
            Shortcut(keys=("Enter",), label=_("Send")),
            Shortcut(keys=("shift", "Enter"), label=_("New line")),
            Shortcut(keys=("ArrowUp",), label=_("Earlier questions, while the field is empty")),
            Shortcut(keys=("/",), label=_("Insert a prompt, or a word such as /clear")),
            Shortcut(keys=("#",), label=_("Add documents, knowledge or a web page")),
            Shortcut(keys=("@",), label=_("Ask one model alone")),
        ),
    ),
)
