"""One file of known size at another machine, read in ranges through a link that may expire."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from inference.library.errors import RegistryFailed, SizeMismatch
from inference.library.outbound import Answered, Outbound

_EXPIRED = frozenset({400, 401, 403, 404, 410})
"""What a content network says of a signed link whose time is over."""


@dataclass(frozen=True, slots=True)
class Body:
    """Data that begins at byte `begins`: 0 where the machine took no notice of the range."""

    begins: int
    pieces: AsyncIterator[bytes]


class RemoteFile:
    """Reads ranges of a file, straight from where the first answer redirected to as long as that link is good.

    Args:
        check: Looks at the host's own answer, before its redirect: raises when it is not the file that was meant.
    """

    def __init__(
        self,
        outbound: Outbound,
        url: httpx.URL,
        *,
        size_bytes: int,
        check: Callable[[Answered], None] = lambda answered: None,
    ) -> None:
        self.size_bytes = size_bytes
        self._outbound = outbound
        self._url = url
        self._link: httpx.URL | None = None
        self._check = check

    @property
    def host(self) -> str:
        return self._outbound.host

    @contextlib.asynccontextmanager
    async def open(self, start: int, stop: int) -> AsyncIterator[Body]:
        """Open the bytes from `start` up to `stop`.

        Raises:
            RegistryFailed: It did not answer as it must; `status` tells when it refused.
            SizeMismatch: The file there has another size.
        """
        headers = {} if (start, stop) == (0, self.size_bytes) else {"Range": f"bytes={start}-{stop - 1}"}
        async with contextlib.AsyncExitStack() as stack:
            answered = await self._answer(stack, headers)
            response = answered.last
            if response.status_code == 416:
                raise SizeMismatch(self.host, self.size_bytes, _offered(response) or start)
            self._outbound.check(response, 200, 206)
            offered = _offered(response)
            if offered is not None and offered != self.size_bytes:
                raise SizeMismatch(self.host, self.size_bytes, offered)
            if response.status_code == 206 and _first_byte(response) != start:
                raise RegistryFailed(self.host, "it sent another part of the file than was asked for")
            yield Body(start if response.status_code == 206 else 0, self._outbound.pieces(response))

    async def takes_ranges(self) -> bool:
        """Ask for a single byte to see whether parts of the file can be had."""
        async with self.open(self.size_bytes - 1, self.size_bytes) as body:
            if body.begins < self.size_bytes - 1:
                return False
            async for _piece in body.pieces:  # Read to its end, so that the connection can be used again.
                pass
            return True

    async def read(self, start: int, stop: int) -> bytes:
        """Return a range; fewer bytes when the connection ends early.

        Raises RegistryFailed also when the machine sends no ranges and the range does not begin the file.
        """
        async with self.open(start, stop) as body:
            if body.begins != start:
                raise RegistryFailed(self.host, "it sends whole files only")
            data = bytearray()
            async for piece in body.pieces:
                data += piece
                if len(data) > stop - start:
                    break
            return bytes(data[: stop - start])

    async def _answer(self, stack: contextlib.AsyncExitStack, headers: dict[str, str]) -> Answered:
        """Ask the link of an earlier answer, and the host itself when there is none or when it is over."""
        link = self._link
        if link is not None:
            answered = await stack.enter_async_context(self._outbound.open(link, headers))
            if answered.last.status_code not in _EXPIRED:
                return answered
            if self._link == link:
                self._link = None
        answered = await stack.enter_async_context(self._outbound.open(self._url, headers))
        self._check(answered)
        if answered.last.status_code in (200, 206) and answered.url != self._url:
            self._link = answered.url
        return answered


def _first_byte(response: httpx.Response) -> int | None:
    unit, _, rest = str(response.headers.get("Content-Range", "")).partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else None


def _offered(response: httpx.Response) -> int | None:
    """Return the whole file's size as the answer tells it; None when it does not."""
    if response.status_code == 200:
        text = str(response.headers.get("Content-Length", ""))
    else:
        text = str(response.headers.get("Content-Range", "")).rpartition("/")[2]
    return int(text) if text.isdecimal() else None
