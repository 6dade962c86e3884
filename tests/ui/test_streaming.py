from __future__ import annotations

from collections.abc import Iterator

from django.utils import translation
from django.utils.translation import gettext

from webui.ui.streaming import PieceByPiece


def words() -> Iterator[bytes]:
    yield gettext("Saved.").encode()
    yield gettext("Close").encode()


async def test_what_is_made_while_it_is_sent_speaks_the_language_of_the_request() -> None:
    with translation.override("zh-hans"):
        response = PieceByPiece(words())

    pieces = [piece async for piece in response]

    assert b"".join(pieces).decode() == "已保存。关闭"
    assert translation.get_language() == "en"
