"""Books of Debian's documentation packages, many of them in English and in Chinese. Fetched once, then kept."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.lexical.words import share_of_latin

PACKAGES = (
    "aptitude-doc-en", "debian-edu-doc-en", "debian-edu-doc-zh-cn", "debian-faq", "debian-faq-zh-cn",
    "debian-handbook", "debian-kernel-handbook", "debian-policy", "debian-reference-en", "debian-reference-zh-cn",
    "debmake-doc", "developers-reference", "harden-doc", "installation-guide-amd64", "maint-guide",
    "maint-guide-zh-cn",
)  # fmt: skip
_DOC = "usr/share/doc"
_PATTERNS = {
    "en": {
        "aptitude": f"{_DOC}/aptitude/html/en/*.html",
        "developers-reference": "usr/share/developers-reference/*.html",
        "edu": f"{_DOC}/debian-edu-doc-en/*bookworm*.html",
        "faq": f"{_DOC}/debian/FAQ/*.en.html",
        "handbook": f"{_DOC}/debian-handbook/html/en-US/*.html",
        "installation": f"{_DOC}/installation-guide-amd64/en/*.html",
        "kernel-handbook": f"{_DOC}/debian-kernel-handbook/kernel-handbook.html/*.html",
        "maint-guide": f"{_DOC}/maint-guide/html/*.en.html",
        "packaging": f"{_DOC}/debmake-doc/html/*.en.html",
        "policy": f"{_DOC}/debian-policy/policy.html/*.html",
        "reference": "usr/share/debian-reference/*.en.html",
        "securing": f"{_DOC}/harden-doc/html/en-US/*.html",
    },
    "zh": {
        "edu": f"{_DOC}/debian-edu-doc-zh-cn/*bookworm*.html",
        "faq": f"{_DOC}/debian/FAQ/zh-cn/*.html",
        "handbook": f"{_DOC}/debian-handbook/html/zh-CN/*.html",
        "installation": f"{_DOC}/installation-guide-amd64/zh_CN/*.html",
        "maint-guide": f"{_DOC}/maint-guide-zh-cn/html/*.zh-cn.html",
        "packaging": f"{_DOC}/debmake-doc/html/*.zh-cn.html",
        "reference": "usr/share/debian-reference/*.zh-cn.html",
        "securing": f"{_DOC}/harden-doc/html/zh-CN/*.html",
    },
}
# A translation that nobody has begun repeats the English page word for word.
_MAX_LATIN = {"en": 1.0, "zh": 0.8}
_OFFLINE = """\
The packages could not be fetched: {detail}
They are downloaded with apt-get the first time only. Run this once where Debian's archive can be reached (and after
`apt-get update`), or put the .deb files of these packages into {folder}:
  {packages}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One page of a book, as somebody would upload it.

    Attributes:
        key: Book and file without its endings, the same in both languages: "handbook/sect.apt-get".
    """

    language: str
    key: str
    path: Path


def fetch(folder: Path) -> Path:
    """Return the folder with the unpacked packages. Needs the network the first time, apt-get and dpkg-deb always."""
    archives, unpacked = folder / "packages", folder / "unpacked"
    archives.mkdir(parents=True, exist_ok=True)
    missing = [name for name in PACKAGES if not list(archives.glob(f"{name}_*.deb"))]
    if missing:
        _run(["apt-get", "download", *missing], archives)
    done = unpacked / ".done"
    if missing or not done.exists():
        for archive in sorted(archives.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(archive), str(unpacked)], archives)
        done.touch()
    return unpacked


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603  (names above)
    except FileNotFoundError:
        detail = f"{command[0]} is not there"
    except subprocess.CalledProcessError as exc:
        detail = exc.stderr.strip().splitlines()[-1] if exc.stderr.strip() else f"{command[0]} failed"
    else:
        return
    raise SystemExit(_OFFLINE.format(detail=detail, folder=folder, packages=" ".join(PACKAGES)))


def files(unpacked: Path) -> Iterator[File]:
    for language, patterns in _PATTERNS.items():
        for book, pattern in patterns.items():
            for path in sorted(unpacked.glob(pattern)):
                if share_of_latin(path.read_text(errors="replace")) <= _MAX_LATIN[language]:
                    yield File(language=language, key=f"{book}/{_stem(path.name)}", path=path)


def _stem(name: str) -> str:
    for ending in (".html", ".en", ".zh-cn", ".zh_CN"):
        name = name.removesuffix(ending)
    return name
