"""What a stranger's text must not do in a prompt: end its passage, speak as another role, or pass for a citation.

Its words stay. Invisible characters go, and what a model or its server could take for a mark is broken by a blank.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rag import api as rag

# Joiners and variation selectors shape letters and emoji; they stay, and are looked through.
_JOINERS = "\u200c\u200d\ufe00-\ufe0f"
# Invisible in every font. The tag characters spell ASCII that only a model reads.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
# Letters of other scripts that look like those of "passage". Source: Unicode's confusables.txt, the common ones.
_LOOK_ALIKES = str.maketrans("аɑαрρѕꜱеɡցԍ", "aaappsseggg")
_BRACKETS = "<‹〈⟨«⟪《˂ᐸ❮❰⧼"
_OPENING = rf"(?:[{_BRACKETS}]|&(?:lt|#0{{0,5}}60|#x0{{0,5}}3c);?)"
_GAP = rf"[\s_.\-{_JOINERS}]{{0,5}}"
_PASSAGE_TAG = re.compile(rf"({_OPENING}){_GAP}[/∕⁄╱\\]?{_GAP}{_GAP.join('passage')}", re.I)
# Marks by which chat templates tell who speaks. Many servers take them for tokens wherever they stand.
_ROLE_MARK = re.compile(
    r"<(?=[|｜])"
    r"|<(?=/?(?:start_of_turn|end_of_turn|start_of_image|bos|eos|unk|pad|s|think|thinking|tool_calls?|tool_response|"
    r"function_calls?|function_results|seed:[a-z_]+|extra_id_\d+|unused\d+)>)"
    r"|<(?=</?SYS>>)|(?<=<)<(?=/?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|TOOL_CONTENT|CALL_ID|ARGS|IMG|THINK|PREFIX|"
    r"SUFFIX|MIDDLE)\])",
    re.I,
)


def disarmed(text: str) -> str:
    """Return a text that stays inside its passage and quotes nobody."""
    text = _INVISIBLE.sub("", text)
    text = _without_tags(text)
    # A pattern that could begin anywhere takes a hundred times as long as to see that it begins nowhere.
    if "<" in text or "[" in text:
        text = _ROLE_MARK.sub(lambda mark: f"{mark[0]} ", text)
    return rag.without_marks(text)


def _without_tags(text: str) -> str:
    # One character for one, so that places in what is looked at are places in the text.
    looked_at = text if text.isascii() else _looks_of(text)
    if not any(opening in looked_at for opening in f"{_BRACKETS}&"):
        return text
    end = 0
    pieces: list[str] = []
    for found in _PASSAGE_TAG.finditer(looked_at):
        pieces += (text[end : found.start()], "(")
        end = found.end(1)
    return "".join([*pieces, text[end:]])


def _looks_of(text: str) -> str:
    for character in set(text):
        # Hardly any of a text look like others, and to translate each one by one takes longer.
        if not character.isascii() and (look := _look_of(character)) != character:
            text = text.replace(character, look)
    return text


@lru_cache(maxsize=10_000)
def _look_of(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character).casefold().translate(_LOOK_ALIKES)
    return plain if len(plain) == 1 else character
