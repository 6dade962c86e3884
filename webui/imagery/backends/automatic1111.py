"""The web UI of AUTOMATIC1111, and what copies its API (Forge, SD.Next), started with `--api`.

Source: modules/api/api.py and modules/api/models.py of AUTOMATIC1111/stable-diffusion-webui.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from inference.errors import InferenceError, UpstreamRefused, WrongService
from inference.upstreams import UpstreamHttp, values
from webui.imagery.backends.requests import Answer, JsonObject, unpacked
from webui.imagery.conf import LIST_TIMEOUT_S, MAX_PICTURES
from webui.imagery.errors import NoPicture
from webui.imagery.types import Drawn, ImagerySpec, Offer, Progress, Wish


class Automatic1111:
    def __init__(self, spec: ImagerySpec, http: UpstreamHttp) -> None:
        self._spec = spec
        self._http = http

    async def draw(self, wish: Wish) -> AsyncGenerator[Progress | Drawn]:
        answer = Answer(self._http, "/sdapi/v1/txt2img", self._body(wish))
        async with aclosing(answer.progress(self._progress, self._interrupt)) as told:
            async for progress in told:
                yield progress
        pictures = [await unpacked(item) for item in values.items(answer.body.get("images"))[:MAX_PICTURES]]
        if not pictures:
            raise NoPicture
        yield Drawn(pictures=pictures, seeds=_seeds(answer.body, wish, len(pictures)), facts=self._facts(wish))

    def _body(self, wish: Wish) -> JsonObject:
        body: JsonObject = {
            "prompt": wish.prompt,
            "negative_prompt": wish.negative_prompt,
            "width": wish.size.width,
            "height": wish.size.height,
            "seed": wish.seed,
            "batch_size": wish.count,
            "n_iter": 1,
            "send_images": True,
            "save_images": False,
        }
        if self._spec.steps:
            body["steps"] = self._spec.steps
        if self._spec.sampler:
            body["sampler_name"] = self._spec.sampler
        if self._spec.model:
            body["override_settings"] = {"sd_model_checkpoint": self._spec.model}
        return body

    def _facts(self, wish: Wish) -> dict[str, str | int]:
        facts: dict[str, str | int] = {"size": str(wish.size)}
        if wish.negative_prompt:
            facts["negative_prompt"] = wish.negative_prompt
        if self._spec.steps:
            facts["steps"] = self._spec.steps
        if self._spec.sampler:
            facts["sampler"] = self._spec.sampler
        return facts

    async def _progress(self) -> Progress:
        try:
            told = await self._http.get("/sdapi/v1/progress?skip_current_image=true", timeout_s=LIST_TIMEOUT_S)
        except InferenceError:
            # The picture is what counts; a busy server may not have time to tell.
            return Progress(state="drawing")
        share = told.get("progress")
        is_share = isinstance(share, int | float) and 0 <= share <= 1
        # Nothing yet means that the model is being loaded.
        return Progress(state="drawing", percent=round(share * 100) if is_share and share else None)

    async def _interrupt(self) -> None:
        await self._http.tell("/sdapi/v1/interrupt", {}, timeout_s=LIST_TIMEOUT_S)

    async def offer(self) -> Offer:
        try:
            models = await self._http.rows("/sdapi/v1/sd-models", timeout_s=LIST_TIMEOUT_S)
        except UpstreamRefused as exc:
            if exc.status == 404:  # noqa: PLR2004
                raise WrongService(self._spec.url, "no models at /sdapi/v1/sd-models") from exc
            raise
        samplers = await self._http.rows("/sdapi/v1/samplers", timeout_s=LIST_TIMEOUT_S)
        return Offer(models=_names(models, "title"), samplers=_names(samplers, "name"))


def _names(rows: Sequence[object], key: str) -> list[str]:
    return [name for row in rows if (name := values.text(values.mapping(row).get(key)))]


def _seeds(answer: JsonObject, wish: Wish, n_pictures: int) -> list[int]:
    """Return the seeds that the server names, else those that were sent. `info` is JSON inside JSON."""
    try:
        info = json.loads(values.text(answer.get("info")))
    except (ValueError, RecursionError):
        info = None
    told = [seed for seed in values.items(values.mapping(info).get("all_seeds")) if isinstance(seed, int)]
    return (told or [wish.seed + number for number in range(n_pictures)])[:n_pictures]
