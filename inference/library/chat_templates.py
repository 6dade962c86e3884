"""What a model's chat templates tell about its abilities. They are read as text here, never run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.dialects.thinking import thinking_tags
from inference.library.gguf import GgufHeader

KEY = "tokenizer.chat_template"
DEFAULT, TOOL_USE = "default", "tool_use"
"""Names of variants. Source: transformers, `PreTrainedTokenizerBase.get_chat_template`."""

_BLOCKS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_STRINGS = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_SUFFIX = re.compile(r"\.Suffix\b")
_TOOLS = re.compile(r"(?<![\w.$])tools(?!\w)|\.Tools\b")


def chat_templates(header: GgufHeader) -> Mapping[str, str]:
    """Return a file's Jinja templates by variant; the one without a name is `default`."""
    prefix = f"{KEY}."
    found = {
        key.removeprefix(prefix): value
        for key, value in header.metadata.items()
        if key.startswith(prefix) and isinstance(value, str)
    }
    return found | ({DEFAULT: header.chat_template} if header.chat_template is not None else {})


def is_jinja(template: str) -> bool:
    """Tell Jinja from Go, which has no such tag."""
    return "{%" in template


def knows_tools(template: str) -> bool:
    """True when a template, Jinja or Go, uses the variable that holds the tools."""
    return any(_TOOLS.search(_STRINGS.sub("", block)) for block in _BLOCKS.findall(template))


def fills_gaps(template: str) -> bool:
    """True when a Go template uses the text behind a gap."""
    return any(_SUFFIX.search(_STRINGS.sub("", block)) for block in _BLOCKS.findall(template))


def knows_thinking(template: str) -> bool:
    return thinking_tags(template) is not None or "<|channel|>analysis" in template
