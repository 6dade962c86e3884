"""CSV and TSV files."""

from __future__ import annotations

import csv
import io
import re
from itertools import islice

from rag.errors import Unreadable
from rag.extraction import encodings, limits
from rag.extraction.rows import one_line, row_lines
from rag.types import TSV, Extraction, Problem

_DELIMITERS = ",;\t|"
_LINES_LOOKED_AT = 20
# Excel's own first line, where the language of a computer has another delimiter.
_NAMED_DELIMITER = re.compile("sep=([,;\t|])\r?\n", re.I)


def extract(data: bytes, media_type: str) -> Extraction:
    """Return the rows of a file as lines. Raises Unreadable."""
    if len(data) > 4 * limits.MAX_CHARACTERS:
        raise Unreadable(Problem.TOO_LARGE)
    raw = encodings.decode(data).replace("\0", "")
    csv.field_size_limit(limits.MAX_CHARACTERS)
    delimiter = "\t" if media_type == TSV else _delimiter(raw)
    reader = csv.reader(io.StringIO(_NAMED_DELIMITER.sub("", raw), newline=""), delimiter=delimiter)
    lines: list[str] = []
    n_characters = 0
    try:
        for line in row_lines([one_line(cell) for cell in row] for row in reader):
            lines.append(line)
            n_characters += len(line) + 1
            if n_characters > limits.MAX_CHARACTERS:
                raise Unreadable(Problem.TOO_LARGE)
    except csv.Error as exc:
        # All that it complains of without `strict`: one cell is larger than a whole file may be.
        raise Unreadable(Problem.TOO_LARGE) from exc
    if not lines:
        raise Unreadable(Problem.EMPTY)
    return Extraction(media_type=media_type, text="\n".join(lines))


def _delimiter(text: str) -> str:
    """Return the character that stands in most of the first lines, the most times in the line that has fewest."""
    if named := _NAMED_DELIMITER.match(text):
        return named[1]
    lines = [line for line in islice(io.StringIO(text), _LINES_LOOKED_AT) if line.strip()]

    def regularity(delimiter: str) -> tuple[int, int]:
        counts = sorted(line.count(delimiter) for line in lines)
        return sum(map(bool, counts)), counts[0] if counts else 0

    return max(_DELIMITERS, key=regularity)
