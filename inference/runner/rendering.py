"""Ask the process that renders chat templates, and end it when it takes too long."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Mapping

import orjson

from inference.runner.environment import child_environment
from inference.runner.protocol import FrameDecoder, encode_frame
from inference.runner.template_process import Language, RenderCommand, RenderReply

RENDER_TIMEOUT_S = 5.0
START_TIMEOUT_S = 30.0


class TemplateFailed(Exception):
    """The template could not be rendered.

    Attributes:
        is_refusal: The template itself refused the messages, for example a system message.
    """

    def __init__(self, detail: str, *, is_refusal: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_refusal = is_refusal


class TemplateProcess:
    """Renders templates in a child process that is killed when it takes too long, and started again for the next."""

    def __init__(self, timeout_s: float = RENDER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_warm = False

    def start(self) -> None:
        """Start the process without waiting for it, so that the first render finds it ready."""
        self._process = self._started()

    def render(self, template: str, variables: Mapping[str, object], *, language: Language = "jinja") -> str:
        """Return the rendered text. Raises TemplateFailed."""
        try:
            reply = self._ask(self._running(), RenderCommand(language=language, template=template, variables=variables))
        except (OSError, TimeoutError, EOFError) as exc:
            self.close()
            detail = "it takes too long" if isinstance(exc, TimeoutError) else "it uses too much time or memory"
            raise TemplateFailed(detail) from exc
        if reply["outcome"] == "text":
            return reply["text"]
        raise TemplateFailed(reply["text"], is_refusal=reply["outcome"] == "refused")

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        self._is_warm = False
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "inference.runner.template_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._started()
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], command: RenderCommand) -> RenderReply:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        process.stdin.write(encode_frame(command))
        process.stdin.flush()
        # The first answer also waits for the interpreter to start.
        deadline = time.monotonic() + self._timeout_s + (0 if self._is_warm else START_TIMEOUT_S)
        decoder = FrameDecoder()
        while True:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            data = process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            if not data:
                raise EOFError
            for frame in decoder.feed(data):
                self._is_warm = True
                reply: RenderReply = orjson.loads(frame.json)
                return reply
