"""`hearth rag_eval`: how well golden questions are found, and how fast and how well models answer them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Exists, OuterRef, Q
from rich.cells import cell_len, set_cell_size

from inference import client
from inference.errors import InferenceError
from inference.terminal.server import sentence
from rag.errors import EmbedderUseless, TooManyChunks
from rag.evaluation.measures import CUTS
from rag.models import GoldenQuestion, Knowledge
from rag.services.questions import MAX_QUESTIONS
from rag.store import close_store
from webui.management import evaluation
from webui.management.evaluation import HIT_AT, Answer, CannotMeasure, Plan, Score

UNANSWERED_EXIT_CODE = 2
QUESTION_WIDTH = 40
MOST_TOKENS = 4096


class Command(BaseCommand):
    help = (
        "Run the golden questions of knowledge. Prints recall@k and mean reciprocal rank for each embedder, and with "
        "--models the time and the tokens a second of each answer. "
        "Exit code 0: all was measured; 1: nothing was; 2: a model, or the embedding model, did not always answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--knowledge", nargs="+", default=[], metavar="NAME", help="by name or id; all if left out")
        parser.add_argument("--models", nargs="+", default=[], metavar="MODEL", help="let these answer the questions")
        parser.add_argument(
            "--embedders", nargs="+", default=[], metavar="MODEL", help="compare these; the index is left as it is"
        )
        parser.add_argument(
            "--questions", type=int, default=MAX_QUESTIONS, metavar="N", help="of each knowledge the first N only"
        )
        parser.add_argument(
            "--max-tokens", type=int, default=256, metavar="N", help="where an answer is ended; 256 if left out"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, **options: Any) -> None:
        for name, most in (("questions", MAX_QUESTIONS), ("max_tokens", MOST_TOKENS)):
            if not 0 < options[name] <= most:
                raise CommandError(f"--{name.replace('_', '-')} takes a number from 1 to {most}.")
        plan = Plan(
            knowledge=_chosen(options["knowledge"]),
            models=list(dict.fromkeys(options["models"])),
            embedders=list(dict.fromkeys(options["embedders"])),
            n_questions=options["questions"],
            max_tokens=options["max_tokens"],
        )
        scores, answers = self._measured(plan)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(scores, answers), ensure_ascii=False, indent=2))
        else:
            for line in [*_score_lines(scores), *_answer_lines(answers)]:
                self.stdout.write(line)
        if any(answer.problem for answer in answers) or any(score.n_by_words_alone for score in scores):
            sys.exit(UNANSWERED_EXIT_CODE)

    def _measured(self, plan: Plan) -> tuple[list[Score], list[Answer]]:
        try:
            return asyncio.run(self._measure(plan))
        except (CannotMeasure, InferenceError, EmbedderUseless, TooManyChunks) as exc:
            raise CommandError(_reason(exc)) from exc
        finally:
            self._tell("")
            close_store()

    async def _measure(self, plan: Plan) -> tuple[list[Score], list[Answer]]:
        scores: list[Score] = []
        answers: list[Answer] = []
        try:
            async for measured in evaluation.evaluate(plan, self._tell):
                if isinstance(measured, Score):
                    scores.append(measured)
                else:
                    answers.append(measured)
        finally:
            await client.aclose()
        return scores, answers

    def _tell(self, words: str) -> None:
        """Say how far it is in one line, which the next one takes the place of; in a file nobody reads that."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{words}", style_func=str, ending="")
            self.stderr.flush()


def _chosen(names: Sequence[str]) -> list[Knowledge]:
    """Return the knowledge of these names or ids, or all that has questions, by name. Raises CommandError."""
    with_questions = Knowledge.objects.filter(Exists(GoldenQuestion.objects.filter(knowledge=OuterRef("pk"))))
    with_questions = with_questions.select_related("owner").order_by("name", "pk")
    if not names:
        if chosen := list(with_questions):
            return chosen
        raise CommandError("No knowledge has golden questions yet.")
    chosen = []
    for name in names:
        called = Q(name=name) | Q(uuid=_uuid(name))
        if not Knowledge.objects.filter(called).exists():
            raise CommandError(f"There is no knowledge called “{name}”.")
        found = list(with_questions.filter(called))
        if not found:
            raise CommandError(f"“{name}” has no golden questions yet.")
        chosen += found
    return list(dict.fromkeys(chosen))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _reason(exc: Exception) -> str:
    if isinstance(exc, InferenceError):
        return sentence(exc)
    if isinstance(exc, TooManyChunks):
        return f"It has {exc.n_chunks} chunks; up to {exc.limit} are embedded for a trial."
    if isinstance(exc, EmbedderUseless):
        return "The vectors of this embedder do not tell texts apart."
    return str(exc)


# ---- what is printed -------------------------------------------------------------------------------


def _score_lines(scores: Sequence[Score]) -> Iterator[str]:
    rows = [["knowledge", "embedder", "questions", *(f"recall@{k}" for k in CUTS), "MRR", "ms"]]
    for score in scores:
        recall = [f"{share:.2f}" for share in score.figures.recall.values()]
        rows.append([
            _named(score.knowledge), score.embedder, str(score.figures.n_questions), *recall,
            f"{score.figures.mrr:.3f}", f"{1000 * score.question_s:.0f}",
        ])  # fmt: skip
    yield from _columns(rows, n_left=2)
    for score in scores:
        name = f"{score.knowledge.name}, {score.embedder}"
        if score.is_in_memory:
            yield f"{name}: vectors were made in memory for this; the index is as it was."
        if score.n_unfindable:
            yield f"{name}: {score.n_unfindable} cannot be found: the document or the words are gone."
        if score.n_by_words_alone:
            yield f"{name}: {score.n_by_words_alone} were searched by their words alone."


def _answer_lines(answers: Sequence[Answer]) -> Iterator[str]:
    if not answers:
        return
    yield ""
    rows = [["question", "model", "embedder", "first token", "total", "tokens/s", f"hit@{HIT_AT}", "cited"]]
    for answer in answers:
        question = " ".join(answer.question.split())
        if cell_len(question) > QUESTION_WIDTH:
            question = f"{set_cell_size(question, QUESTION_WIDTH - 1)}…"
        rows.append([
            question, answer.model, answer.embedder, _seconds(answer.first_token_s), _seconds(answer.total_s),
            "-" if answer.tokens_per_s is None else f"{answer.tokens_per_s:.1f}", _yes(answer.is_hit),
            _yes(answer.is_cited),
        ])  # fmt: skip
    yield from _columns(rows, n_left=3)
    for answer in answers:
        if answer.problem:
            yield f"{answer.model} did not answer “{answer.question[:80]}”: {answer.problem}"


def _columns(rows: Sequence[Sequence[str]], n_left: int) -> Iterator[str]:
    """Yield rows in columns; all but the first few are flush right. Chinese takes two places a character."""
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            set_cell_size(cell, width) if number < n_left else " " * (width - cell_len(cell)) + cell
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _named(knowledge: Knowledge) -> str:
    return f"{knowledge.name} ({knowledge.owner})"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"


def _as_json(scores: Sequence[Score], answers: Sequence[Answer]) -> dict[str, object]:
    return {
        "scores": [
            {
                "knowledge": str(score.knowledge.uuid),
                "name": score.knowledge.name,
                "embedder": score.embedder,
                "in_memory": score.is_in_memory,
                "questions": score.figures.n_questions,
                "unfindable": score.n_unfindable,
                "by_words_alone": score.n_by_words_alone,
                "recall": {str(k): share for k, share in score.figures.recall.items()},
                "mrr": score.figures.mrr,
                "seconds": score.question_s,
            }
            for score in scores
        ],
        "answers": [
            {
                "knowledge": str(answer.knowledge.uuid),
                "question": answer.question,
                "model": answer.model,
                "embedder": answer.embedder,
                "first_token_s": answer.first_token_s,
                "total_s": answer.total_s,
                "tokens_per_s": answer.tokens_per_s,
                f"hit_at_{HIT_AT}": answer.is_hit,
                "cited": answer.is_cited,
                "problem": answer.problem,
            }
            for answer in answers
        ],
    }
