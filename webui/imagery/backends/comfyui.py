"""ComfyUI: a workflow is put into its queue, and its history says when it is done and what it has made.

How far it is, only its websocket tells; a server that is reached without one tells nothing of that.
Source: server.py, main.py and execution.py of comfyanonymous/ComfyUI.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from inference.errors import InferenceError, UpstreamRefused, UpstreamTimeout, WrongService
from inference.upstreams import UpstreamHttp, values
from webui.imagery import workflows
from webui.imagery.backends.requests import stopping
from webui.imagery.conf import DRAW_TIMEOUT_S, LIST_TIMEOUT_S, MAX_PICTURE_BYTES, MAX_PICTURES, POLL_S
from webui.imagery.errors import DrawingFailed, NoPicture
from webui.imagery.types import Drawn, ImagerySpec, Offer, Progress, Slot, Wish


class ComfyUI:
    def __init__(self, spec: ImagerySpec, http: UpstreamHttp) -> None:
        self._spec = spec
        self._http = http

    async def draw(self, wish: Wish) -> AsyncGenerator[Progress | Drawn]:
        """A workflow that takes no number of pictures is run once for each."""
        is_batch = "count" in self._spec.mapping
        wishes = [wish] if is_batch else [replace(wish, count=1, seed=wish.seed + n) for n in range(wish.count)]
        pictures: list[bytes] = []
        for one in wishes:
            run = _Run(self._http, workflows.filled(self._spec, one))
            async with aclosing(run.progress()) as told:
                async for progress in told:
                    yield progress
            yield Progress(state="fetching")
            pictures += [await self._picture(file) for file in run.files()]
        if not pictures:
            raise NoPicture
        pictures = pictures[:MAX_PICTURES]
        # The pictures of a batch have one seed.
        seeds = [one.seed for one in wishes] if "seed" in self._spec.mapping else []
        yield Drawn(pictures=pictures, seeds=seeds, facts=self._facts(wish))

    def _facts(self, wish: Wish) -> dict[str, str | int]:
        mapping = self._spec.mapping
        facts: dict[str, str | int] = {}
        if "width" in mapping and "height" in mapping:
            facts["size"] = str(wish.size)
        if "negative_prompt" in mapping and wish.negative_prompt:
            facts["negative_prompt"] = wish.negative_prompt
        if "steps" in mapping and self._spec.steps:
            facts["steps"] = self._spec.steps
        return facts

    async def _picture(self, file: Mapping[str, str]) -> bytes:
        return await self._http.file(f"/view?{urlencode(file)}", timeout_s=LIST_TIMEOUT_S, limit=MAX_PICTURE_BYTES)

    async def offer(self) -> Offer:
        """What it has of models is what the node offers that the workflow loads one with."""
        try:
            stats = await self._http.get("/system_stats", timeout_s=LIST_TIMEOUT_S)
        except UpstreamRefused as exc:
            if exc.status == 404:  # noqa: PLR2004
                raise WrongService(self._spec.url, "nothing at /system_stats") from exc
            raise
        if not isinstance(stats.get("system"), dict):
            raise WrongService(self._spec.url, "no system in its /system_stats")
        return Offer(models=await self._choices("model"))

    async def _choices(self, slot: Slot) -> list[str]:
        place = self._spec.mapping.get(slot)
        node = self._spec.workflow.get(place[0]) if place else None
        if place is None or node is None:
            return []
        kind = str(node["class_type"])
        told = await self._http.get(f"/object_info/{quote(kind, safe='')}", timeout_s=LIST_TIMEOUT_S)
        inputs = values.mapping(values.mapping(told.get(kind)).get("input"))
        described = [values.mapping(inputs.get(part)).get(place[1]) for part in ("required", "optional")]
        # A choice is described by the list of its values.
        offered = next((one[0] for one in described if isinstance(one, list) and one), None)
        return [name for name in values.items(offered) if isinstance(name, str)]


class _Run:
    """One workflow in the queue."""

    def __init__(self, http: UpstreamHttp, workflow: dict[str, Any]) -> None:
        self._http = http
        self._workflow = workflow
        self._client = uuid.uuid4().hex
        self._is_running = False
        self._percent: int | None = None
        self._outputs: dict[str, Any] = {}

    async def progress(self) -> AsyncGenerator[Progress]:
        listening = asyncio.create_task(self._listen())
        try:
            async with aclosing(self._wait()) as told:
                async for progress in told:
                    yield progress
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen(self) -> None:
        """Note how far the node is that works, as long as the server tells."""
        with suppress(InferenceError):
            async with self._http.listen(f"/ws?clientId={self._client}", timeout_s=LIST_TIMEOUT_S) as messages:
                async for message in messages:
                    self._percent = percent_of(message, before=self._percent)
        self._percent = None

    async def _wait(self) -> AsyncGenerator[Progress]:
        body = {"prompt": self._workflow, "client_id": self._client}
        taken = await self._http.post("/prompt", body, timeout_s=LIST_TIMEOUT_S)
        run = values.text(taken.get("prompt_id"))
        if not run:
            raise WrongService(self._http.spec.url, "no prompt_id in its answer to /prompt")
        is_done = False
        until = asyncio.get_running_loop().time() + DRAW_TIMEOUT_S
        try:
            while (ended := await self._ended(run)) is None:
                if asyncio.get_running_loop().time() > until:
                    raise UpstreamTimeout(self._http.spec.url)
                yield await self._look(run)
                await asyncio.sleep(POLL_S)
            is_done = True
            self._outputs = ended
        finally:
            if not is_done:
                await stopping(self._stop(run))

    async def _ended(self, run: str) -> dict[str, Any] | None:
        """Return what a run has made, or None while it is not over. Raises DrawingFailed."""
        history = await self._http.get(f"/history/{quote(run, safe='')}", timeout_s=LIST_TIMEOUT_S)
        if run not in history:
            return None
        entry = values.mapping(history[run])
        status = values.mapping(entry.get("status"))
        if status.get("status_str") == "error":
            raise DrawingFailed(_said(status))
        return values.mapping(entry.get("outputs"))

    async def _look(self, run: str) -> Progress:
        try:
            queue = await self._http.get("/queue", timeout_s=LIST_TIMEOUT_S)
        except InferenceError:
            return Progress(state="drawing", percent=self._percent)
        pending = sorted((row for row in values.items(queue.get("queue_pending")) if _is_entry(row)), key=_number)
        before = [row[1] for row in pending]
        self._is_running = run not in before
        if self._is_running:
            return Progress(state="drawing", percent=self._percent)
        return Progress(state="queued", position=before.index(run) + 1)

    async def _stop(self, run: str) -> None:
        await self._http.tell("/queue", {"delete": [run]}, timeout_s=LIST_TIMEOUT_S)
        if self._is_running:
            # Older servers stop whatever runs, newer ones that one only.
            await self._http.tell("/interrupt", {"prompt_id": run}, timeout_s=LIST_TIMEOUT_S)

    def files(self) -> Iterator[dict[str, str]]:
        """Yield what its pictures are fetched by: those that were to be kept, or else those to be looked at."""
        found = [
            {key: values.text(values.mapping(image).get(key)) for key in ("filename", "subfolder", "type")}
            for output in self._outputs.values()
            for image in values.items(values.mapping(output).get("images"))
        ]
        kept = [file for file in found if file["type"] == "output"]
        yield from (kept or found)[:MAX_PICTURES]


def percent_of(message: Mapping[str, Any], *, before: int | None) -> int | None:
    """Return how far a run is after a message of its websocket; most messages tell of something else."""
    if message.get("type") != "progress":
        return before
    data = values.mapping(message.get("data"))
    value, most = data.get("value"), data.get("max")
    if not isinstance(value, int | float) or not isinstance(most, int | float) or not 0 < value <= most:
        return before
    return round(100 * value / most)


def _is_entry(row: object) -> bool:
    return isinstance(row, list) and len(row) > 1 and isinstance(row[0], int | float) and isinstance(row[1], str)


def _number(row: list[Any]) -> float:
    return float(row[0])


def _said(status: Mapping[str, Any]) -> str:
    for message in values.items(status.get("messages")):
        if isinstance(message, list) and len(message) > 1 and message[0] == "execution_error":
            return values.text(values.mapping(message[1]).get("exception_message")).strip()[:500]
    return ""
