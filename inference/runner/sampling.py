"""How the next token of one answer is picked, and how likely the tokens were."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp

from inference.runner.constraint import Constraint, GrammarStuck
from inference.runner.native import Context
from inference.runner.options import FORBIDDEN, GenerationOptions

CANDIDATE = np.dtype([("token", np.int32), ("score", np.float32), ("probability", np.float32)])
"""Source: llama.h, `llama_token_data`."""


class Sampler:
    """Picks tokens for one sequence. Penalties, then cuts from coarse to fine, then the temperature, as Ollama does."""

    def __init__(
        self,
        options: GenerationOptions,
        *,
        n_vocab: int,
        n_ctx: int,
        seed: int,
        prompt: Sequence[int],
        constraint: Constraint | None = None,
    ) -> None:
        self.constraint = constraint
        self._n_vocab = n_vocab
        self._biases = _biases(options.logit_bias, n_vocab) if options.logit_bias else None
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if last_n := _penalty_window(options, n_ctx):
            self._add(
                llama_cpp.llama_sampler_init_penalties(
                    n_vocab, last_n, options.repeat_penalty, options.frequency_penalty, options.presence_penalty
                )
            )
        if options.temperature == 0:
            self._add(llama_cpp.llama_sampler_init_greedy())
        else:
            self._add_random(options, seed)
        for token in prompt[-last_n:] if last_n else ():
            llama_cpp.llama_sampler_accept(self._chain, int(token))

    def pick(self, context: Context, row: int) -> int:
        """Return the next token after a row of the last decode that asked for output.

        Raises:
            GrammarStuck: No token may follow.
        """
        if self.constraint is None and self._biases is None:
            return int(llama_cpp.llama_sampler_sample(self._chain, context.pointer, row))
        scores = context.scores(row)
        tokens = np.arange(self._n_vocab, dtype=np.int32)
        if self._biases is not None:
            scores = scores + self._biases
            tokens = self._unforbidden(tokens)
        token = self._pick_among(tokens, scores if len(tokens) == len(scores) else scores[tokens])
        if self.constraint is not None:
            # Most tokens of a model that was asked for a form have that form: all are checked only when this one
            # has not.
            if not self.constraint.fits(token):
                allowed = self._unforbidden(self.constraint.allowed())
                token = self._pick_among(allowed, scores[allowed])
            self.constraint.take(token)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)

    def _unforbidden(self, tokens: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return tokens if self._biases is None else tokens[self._biases[tokens] > FORBIDDEN]

    def _pick_among(self, tokens: npt.NDArray[np.int32], scores: npt.NDArray[np.float32]) -> int:
        if not len(tokens):
            raise GrammarStuck("every token that may follow was forbidden by logit_bias")
        candidates = np.zeros(len(tokens), CANDIDATE)
        candidates["token"], candidates["score"] = tokens, scores
        array = llama_cpp.llama_token_data_array(
            data=candidates.ctypes.data_as(llama_cpp.llama_token_data_p), size=len(tokens), selected=-1, sorted=False
        )
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _add_random(self, options: GenerationOptions, seed: int) -> None:
        if options.top_k > 0:
            self._add(llama_cpp.llama_sampler_init_top_k(options.top_k))
        if options.typical_p < 1:
            self._add(llama_cpp.llama_sampler_init_typical(options.typical_p, 1))
        if options.top_p < 1:
            self._add(llama_cpp.llama_sampler_init_top_p(options.top_p, 1))
        if options.min_p > 0:
            self._add(llama_cpp.llama_sampler_init_min_p(options.min_p, 1))
        self._add(llama_cpp.llama_sampler_init_temp(options.temperature))
        self._add(llama_cpp.llama_sampler_init_dist(seed))

    def _add(self, sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)


def _biases(by_token: Mapping[int, float], n_vocab: int) -> npt.NDArray[np.float32]:
    """Return what is added to the scores of all tokens, shape (n_vocab,)."""
    added = np.zeros(n_vocab, np.float32)
    for token, bias in by_token.items():
        if token < n_vocab:
            added[token] = bias
    return added


def _penalty_window(options: GenerationOptions, n_ctx: int) -> int:
    """Return how many tokens the penalties look back; 0 when none is switched on."""
    has_penalty = options.repeat_penalty != 1 or options.frequency_penalty != 0 or options.presence_penalty != 0
    if not has_penalty:
        return 0
    return n_ctx if options.repeat_last_n < 0 else min(options.repeat_last_n, n_ctx)
