"""llama-cpp-python's own `Llama` behind a lock, with the `/completion` of llama.cpp's server: one answer at a time.

`python -m bench.naive MODEL.gguf PORT [N_CTX]`, to be measured with `hearth bench --peer`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import orjson
from aiohttp import web
from llama_cpp import Llama

from inference.runner.processor import deny_matrix_tiles, has_matrix_tiles

Piece = dict[str, Any]


class Naive:
    def __init__(self, path: str, n_ctx: int) -> None:
        self._llama = Llama(path, n_ctx=n_ctx, n_threads=None, verbose=False)
        self._lock = asyncio.Lock()

    async def completion(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async with self._lock:
            pieces = self._pieces(body)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                await response.write(b"data: " + orjson.dumps(piece) + b"\n\n")
        return response

    def _pieces(self, body: Piece) -> Iterator[Piece]:
        n_prompt, n_answer = len(self._llama.tokenize(body["prompt"].encode())), 0
        chunks = self._llama(
            body["prompt"],
            max_tokens=body["n_predict"],
            temperature=body["temperature"],
            top_k=body["top_k"],
            top_p=body["top_p"],
            min_p=body["min_p"],
            stream=True,
        )
        for chunk in chunks:
            n_answer += 1
            yield {"content": chunk["choices"][0]["text"], "stop": False}
        yield {"content": "", "stop": True, "tokens_evaluated": n_prompt, "tokens_predicted": n_answer}


def main() -> None:
    path, port, *rest = sys.argv[1:]
    if has_matrix_tiles():  # So that all servers of a comparison compute with the same instructions.
        deny_matrix_tiles()
    application = web.Application()
    application.router.add_post("/completion", Naive(path, int(rest[0]) if rest else 4096).completion)
    web.run_app(application, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main()
