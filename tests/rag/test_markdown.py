"""Markdown files in the bounded child: sections under their headings, at exact offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rag.models import Document
from rag.retrieval import retrieve
from rag.types import MARKDOWN
from tests.rag.test_office import extract, places
from webui.accounts.models import User

HANDBOOK = """\
---
title: Handbook
---
Read this first.

# Light *house* #

It was built in 1902.

Prices
and hours
---

| Ticket | Price |
| --- | --- |
| Adult | 12 € |

```sh
# not a heading
```

<!--
# nor this
-->

## [备份](https://example.org) `cron`

数据库每天备份。
"""


def test_a_file_is_cut_at_its_headings_and_keeps_its_text() -> None:
    found = extract(HANDBOOK.encode(), "handbook.md")

    assert (found.problem, found.media_type, found.text) == (None, MARKDOWN, HANDBOOK)
    assert [name for name, _ in places(found)] == [
        "", "Light house", "Light house › Prices and hours", "Light house › 备份 cron",
    ]  # fmt: skip
    assert [text.split("\n")[0] for _, text in places(found)] == [
        "---", "# Light *house* #", "Prices", "## [备份](https://example.org) `cron`",
    ]  # fmt: skip
    assert "\n".join(text for _, text in places(found)) == HANDBOOK


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("# First\ntext\n# Second", ["First", "Second"]),
        ("#hashtag\n####### seven\n    # code\n", []),
        ("text\n\n---\n\ntext\n", []),
        ("- item\n---\ntext\n", []),
        ("~~~\n# a\n```\n# b\n~~~\n# c\n", ["", "c"]),
        ("```\n# never closed\n", []),
        ("#\ntext\n", []),
        ("## B\n# A\n### C\n## D\n", ["B", "A", "A › C", "A › D"]),
    ],
)
def test_headings_are_those_of_commonmark(source: str, names: list[str]) -> None:
    assert list(extract(source.encode(), "a.md").page_names) == names


def test_too_many_headings_are_read_without_places() -> None:
    found = extract(b"# a\ntext\n" * 10_001, "a.md")

    assert (found.problem, found.page_names) == (None, ())


def test_a_passage_names_its_headings(ingested: Callable[..., Document], alice: User) -> None:
    document = ingested(alice, HANDBOOK, "handbook.md")

    found = asyncio.run(retrieve(user_id=alice.pk, question="数据库什么时候备份？", document_ids=[document.pk]))

    assert found.passages[0].place == "section Light house › 备份 cron"
    assert found.passages[0].page is None
