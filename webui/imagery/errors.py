"""What can go wrong with pictures, beside what can with any connection.

InferenceError
├── DrawingFailed      the server could not make it, in its own words
├── NoPicture          it answered without a picture, or with something that is none
├── PictureElsewhere   it answered with the address of a picture that is not fetched
└── WorkflowRefused    not a workflow as ComfyUI exports it for programs; `problem` says why
"""

from __future__ import annotations

from typing import Literal

from inference.errors import InferenceError

WorkflowProblem = Literal["not_json", "of_the_page", "no_nodes", "too_large", "no_prompt", "unmapped"]


class DrawingFailed(InferenceError):
    permanent = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NoPicture(InferenceError):
    permanent = False


class PictureElsewhere(InferenceError):
    """Attributes: `problem` is why, as `rag.types.FetchProblem` names it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class WorkflowRefused(InferenceError):
    def __init__(self, problem: WorkflowProblem) -> None:
        super().__init__(problem)
        self.problem = problem
