"""Text of bytes whose encoding nobody has named, or somebody has named wrongly."""

from __future__ import annotations

import codecs
import re

from rag.lexical.words import CJK

CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
"""Bytes that hardly a text holds: controls other than tab, line feed, form feed, carriage return and escape."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# So much is looked at where the whole would take long.
_SAMPLE = 100_000
# Of the characters of UTF-8 beyond ASCII: a file that is cut off, or was pieced together, has a few broken ones.
_BROKEN_SHARE = 0.1
_ALONE = re.compile(f"[A-Za-z][{CJK}](?![{CJK}])")
_CJK = re.compile(f"[{CJK}]")
_KANA = re.compile("[\u3041-\u30fa]")
_LETTERS = re.compile(r"[^\W\d_]")
_CYRILLIC = re.compile("[\u0400-\u045f]")
# Each with the codec that knows its everyday characters, and the first bytes of those. Half of what is Chinese in the
# one is something in the others too, but something that hardly anybody writes.
# Source: GB 2312 (level 1, sorted by sound), Big5 (level 1), JIS X 0208 (level 1).
_EASTERN = (
    ("gb18030", "gb2312", (0xB0, 0xD7)),
    ("cp950", "big5", (0xA4, 0xC6)),
    ("cp932", "euc_jp", (0xB0, 0xCF)),
    ("euc_jp", "euc_jp", (0xB0, 0xCF)),
)
_JAPANESE = ("cp932", "euc_jp")
# Encodings of texts that a page may name. The standard forbids UTF-7, and takes UTF-16 in a page of single bytes for a
# mistake; Python knows some more under the same names that turn bytes into anything.
_NAMEABLE = re.compile("(big5|euc|gb|iso-?(8859|2022)|koi8|ks_c|mac|s(hift)?[_-]?jis|tis|utf-?8|us-ascii|windows|cp)")
# Source: WHATWG Encoding Standard, "Names and labels".
_MEANT = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "iso-8859-1": "cp1252", "iso8859-1": "cp1252",
    "us-ascii": "cp1252", "shift_jis": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949",
}  # fmt: skip


def decode(data: bytes) -> str:
    """Return the text of bytes in an encoding that nobody named. Bytes that fit none become U+FFFD."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if wide := utf16_without_mark(data[:_SAMPLE]):
        return data.decode(wide, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
    n_broken = text.count("\ufffd")
    n_beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    if n_broken < _BROKEN_SHARE * n_beyond_ascii:
        return text
    return _eastern(data) or data.decode(_western(data[:_SAMPLE]), errors="replace")


def decode_as(data: bytes, name: str) -> str | None:
    """Return the text of bytes in an encoding that a file names; None when it is none that a text can be in."""
    name = name.lower()
    if not _NAMEABLE.match(name):
        return None
    try:
        return data.decode(_MEANT.get(name, name), errors="replace")
    except (LookupError, UnicodeError):
        return None


def utf16_without_mark(sample: bytes) -> str:
    """Return the encoding of a text in which every second byte is zero, as Latin letters have it; else nothing."""
    even, odd = sample[0::2], sample[1::2]
    if 3 * odd.count(0) > len(odd) and not even.count(0) and _are_written(even, odd):
        return "utf-16-le"
    if 3 * even.count(0) > len(even) and not odd.count(0) and _are_written(odd, even):
        return "utf-16-be"
    return ""


def _are_written(low: bytes, high: bytes) -> bool:
    """Whether the characters whose higher byte is zero are ones that texts hold."""
    latin = bytes(byte for byte, above in zip(low, high, strict=False) if not above)
    return len(CONTROLS.findall(latin)) <= len(latin) // 100


def _eastern(data: bytes) -> str | None:
    """Return a text in one of the encodings of Chinese and Japanese; None when it reads like one in none of them."""
    best, best_share = None, 0.0
    for encoding, everyday, lead_bytes in _EASTERN:
        try:
            # Not to its very end: a file may be cut off in the middle of a character.
            text = codecs.getincrementaldecoder(encoding)().decode(data)
        except UnicodeDecodeError:
            continue
        share = _everyday_share(text[:_SAMPLE], everyday, lead_bytes, is_japanese=encoding in _JAPANESE)
        if share > best_share:
            best, best_share = text, share
    if best is None:
        return None
    # Most bytes can be read as something. Western words betray themselves: lone characters behind letters.
    is_western = len(_ALONE.findall(best)) * 2 > len(_CJK.findall(best))
    return None if is_western else best


def _everyday_share(text: str, encoding: str, lead_bytes: tuple[int, int], *, is_japanese: bool) -> float:
    """Return the share of the characters beyond ASCII that people write every day. Without kana nothing is Japanese."""
    beyond = [character for character in text if character >= "\x80"]
    n_kana = len(_KANA.findall(text))
    if is_japanese and 5 * n_kana < len(beyond):
        return 0.0
    first, last = lead_bytes
    n_everyday = n_kana if is_japanese else 0
    for character in beyond:
        code = character.encode(encoding, errors="ignore")
        n_everyday += len(code) == 2 and first <= code[0] <= last  # noqa: PLR2004  (bytes of one character)
    return n_everyday / len(beyond) if beyond else 0.0


def _western(sample: bytes) -> str:
    """Return the most likely encoding of a text in single bytes: words of Western Europe are mostly ASCII."""
    letters = _LETTERS.findall(sample.decode("cp1252", errors="replace"))
    n_beyond_ascii = sum(not letter.isascii() for letter in letters)
    if 2 * n_beyond_ascii <= len(letters):
        return "cp1252"

    def n_small(encoding: str) -> int:
        return sum(letter.islower() for letter in _CYRILLIC.findall(sample.decode(encoding, errors="replace")))

    # What is small in the one is large in the other.
    return max(("cp1251", "koi8_r"), key=n_small)
