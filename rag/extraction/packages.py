"""Office files as our readers want them: in the form that Office itself writes, and without references to nothing."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Collection
from typing import IO

from lxml import etree

_MARKUP_NAMES = (".xml", ".rels")
# Names of the strict form. Office saves in it when asked to; the libraries know those of the usual one alone.
# Source: ECMA-376, part 1, annex A (strict) and part 4, annex A (transitional).
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_USUAL = rb"http://schemas.openxmlformats.org/\1/2006/"


def opened(file: IO[bytes]) -> IO[bytes]:
    """Return the file, or a mended copy of it: programs leave references to pictures that are not there.

    Raises what `damage` knows.
    """
    with zipfile.ZipFile(file) as archive:
        names = frozenset(archive.namelist())
        is_strict = _STRICT.search(archive.read("_rels/.rels")) is not None
        lists = {name: archive.read(name) for name in names if name.endswith(".rels")}
        mended = {name: _without_dangling(data, name, names) for name, data in lists.items()}
        if is_strict or mended != lists:
            return _copy(archive, mended, is_strict=is_strict)
    file.seek(0)
    return file


def _without_dangling(data: bytes, name: str, names: Collection[str]) -> bytes:
    """Return a list of references without those to parts that the file does not have."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(data, parser)
    folder = posixpath.dirname(posixpath.dirname(name))
    dangling = [
        reference
        for reference in root
        if reference.get("TargetMode") != "External"
        and posixpath.normpath(posixpath.join("/", folder, reference.get("Target", ""))).lstrip("/") not in names
    ]
    if not dangling:
        return data
    for reference in dangling:
        root.remove(reference)
    kept: bytes = etree.tostring(root)
    return kept


def _copy(archive: zipfile.ZipFile, mended: dict[str, bytes], *, is_strict: bool) -> IO[bytes]:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as target:
        for name in dict.fromkeys(archive.namelist()):
            data = mended[name] if name in mended else archive.read(name)
            if is_strict and name.endswith(_MARKUP_NAMES):
                data = _STRICT.sub(_USUAL, data)
            target.writestr(name, data)
    copy.seek(0)
    return copy
