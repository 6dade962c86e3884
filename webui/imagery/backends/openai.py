"""Servers that speak OpenAI's images API: OpenAI itself, LocalAI, gateways.

Source: platform.openai.com/docs/api-reference/images. Models whose names begin with gpt-image answer in base64 always
and refuse to be told so; others answer with addresses unless they are told.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlsplit

from inference.upstreams import UpstreamHttp, shared_session, values
from rag.errors import PageNotFetched
from rag.fetching import fetch
from webui.imagery.backends.requests import Answer, JsonObject, unpacked
from webui.imagery.conf import LIST_TIMEOUT_S, MAX_PICTURE_BYTES, MAX_PICTURES
from webui.imagery.errors import NoPicture, PictureElsewhere
from webui.imagery.types import Drawn, ImagerySpec, Offer, Progress, Wish

ONE_AT_ONCE = ("dall-e-3",)
"""Models that refuse `n`."""
ALWAYS_BASE64 = ("gpt-image", "chatgpt-image")


class OpenAI:
    def __init__(self, spec: ImagerySpec, http: UpstreamHttp) -> None:
        self._spec = spec
        self._http = http

    async def draw(self, wish: Wish) -> AsyncGenerator[Progress | Drawn]:
        n_requests = wish.count if self._spec.model in ONE_AT_ONCE else 1
        pictures: list[bytes] = []
        revised = ""
        for _ in range(n_requests):
            answer = Answer(self._http, "/images/generations", self._body(wish, wish.count // n_requests))
            async with aclosing(answer.progress(_drawing)) as told:
                async for progress in told:
                    yield progress
            yield Progress(state="fetching")
            rows = [values.mapping(row) for row in values.items(answer.body.get("data"))][:MAX_PICTURES]
            pictures += [await self._picture(row) for row in rows]
            revised = next((values.text(row["revised_prompt"]) for row in rows if "revised_prompt" in row), revised)
        if not pictures:
            raise NoPicture
        yield Drawn(pictures=pictures, prompt=revised, facts={"size": str(wish.size)})

    def _body(self, wish: Wish, count: int) -> JsonObject:
        model = self._spec.model
        body: JsonObject = {"prompt": wish.prompt, "n": count, "size": str(wish.size)}
        if model:
            body["model"] = model
        if not model.startswith(ALWAYS_BASE64):
            body["response_format"] = "b64_json"
        return body

    async def _picture(self, row: JsonObject) -> bytes:
        if row.get("b64_json"):
            return await unpacked(row["b64_json"])
        address = values.text(row.get("url"))
        if address.startswith("data:"):
            return await unpacked(address)
        if not address:
            raise NoPicture
        return await self._fetched(address)

    async def _fetched(self, address: str) -> bytes:
        """Fetch a picture by the address that the server gave: from itself, or from a machine of the world."""
        if path := _path_at(self._spec.url, address):
            root = f"{urlsplit(self._spec.url).scheme}://{urlsplit(self._spec.url).netloc}"
            http = UpstreamHttp(await shared_session(), replace(self._spec, url=root))
            return await http.file(path, timeout_s=LIST_TIMEOUT_S, limit=MAX_PICTURE_BYTES)
        try:
            return (await fetch(address, max_bytes=MAX_PICTURE_BYTES)).content
        except PageNotFetched as exc:
            raise PictureElsewhere(exc.problem) from exc

    async def offer(self) -> Offer:
        listed = await self._http.listing("/models", timeout_s=LIST_TIMEOUT_S)
        names = [values.text(values.mapping(row).get("id")) for row in values.items(listed.get("data"))]
        return Offer(models=_likely_first([name for name in names if name]))


async def _drawing() -> Progress:
    return Progress(state="drawing")


def _path_at(base: str, address: str) -> str:
    """Return the path of an address on the very server that was asked; empty for any other."""
    try:
        own, other = urlsplit(base), urlsplit(address)
    except ValueError:
        return ""
    if (own.scheme, own.netloc) != (other.scheme, other.netloc):
        return ""
    return f"{other.path or '/'}{f'?{other.query}' if other.query else ''}"


def _likely_first(names: Sequence[str]) -> list[str]:
    """Order models so that those stand first that make pictures by their names: the API does not say it."""
    marks = ("image", "dall-e", "flux", "diffusion", "sdxl", "sd3", "imagen")
    return sorted(names, key=lambda name: not any(mark in name.lower() for mark in marks))
