"""Figures for Prometheus: what answers took, and what the server holds and does at the moment it is asked.

Source: https://prometheus.io/docs/practices/naming.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inference.runner.types import RunnerFinished
from inference.server.measures import Measures
from inference.server.scheduler import Scheduler

MAX_MODELS = 100
"""How many models get figures of their own; the others are counted together, for each one costs memory for ever."""
OTHERS = "others"

_LONG = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
_SHORT = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)


class Metrics:
    """The figures of one server."""

    def __init__(self, scheduler: Scheduler, *, max_queue: int) -> None:
        self._registry = CollectorRegistry()
        self._models: set[str] = set()
        self._answers = self._counter("hearth_answers", "Answers by how they ended.", ("model", "outcome"))
        self._prompt_tokens = self._counter("hearth_prompt_tokens", "Tokens of prompts.")
        self._cached_tokens = self._counter("hearth_cached_tokens", "Tokens of prompts that cost nothing.")
        self._answer_tokens = self._counter("hearth_answer_tokens", "Tokens of answers.")
        self._flops = self._counter("hearth_estimated_flops", "2 x parameters x tokens that were computed.")
        self._queue = self._histogram("hearth_queue_seconds", "Waiting for a slot.", _LONG)
        self._load = self._histogram("hearth_load_seconds", "Waiting for the model to load.", _LONG)
        self._prompt = self._histogram("hearth_prompt_seconds", "Reading the prompt.", _LONG)
        self._first = self._histogram("hearth_first_token_seconds", "From the request to its first token.", _LONG)
        self._total = self._histogram("hearth_answer_seconds", "From the request to the end of its answer.", _LONG)
        self._p50 = self._histogram("hearth_token_seconds", "Median time between two tokens of an answer.", _SHORT)
        self._p95 = self._histogram("hearth_slow_token_seconds", "95th percentile of that time.", _SHORT)
        self.pulls = Gauge("hearth_pulls", "Downloads that run.", registry=self._registry)
        self._registry.register(_Now(scheduler, max_queue))

    def count(self, model: str, outcome: str) -> None:
        """Count an answer by why it ended: a reason, the code of an error, or `left` when nobody waited any more."""
        self._answers.labels(self._label(model), outcome).inc()

    def measure(self, model: str, counts: RunnerFinished, measures: Measures, *, total_s: float) -> None:
        """Take the measures of an answer that ended by itself."""
        label = self._label(model)
        self._prompt_tokens.labels(label).inc(counts.prompt_tokens)
        self._cached_tokens.labels(label).inc(counts.cached_tokens)
        self._answer_tokens.labels(label).inc(counts.answer_tokens)
        self._flops.labels(label).inc(measures.estimated_flops)
        self._queue.labels(label).observe(measures.queue_s)
        self._load.labels(label).observe(measures.load_s)
        self._prompt.labels(label).observe(counts.prompt_s)
        self._first.labels(label).observe(measures.first_token_s)
        self._total.labels(label).observe(total_s)
        if counts.answer_tokens > 1:
            self._p50.labels(label).observe(counts.token_s_p50)
            self._p95.labels(label).observe(counts.token_s_p95)

    def text(self) -> bytes:
        """Return all figures in the format that Prometheus scrapes."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ("model",)) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, meaning, ("model",), buckets=buckets, registry=self._registry)

    def _label(self, model: str) -> str:
        if model not in self._models and len(self._models) >= MAX_MODELS:
            return OTHERS
        self._models.add(model)
        return model


class _Now(Collector):
    """Reads the scheduler when Prometheus asks."""

    def __init__(self, scheduler: Scheduler, max_queue: int) -> None:
        self._scheduler = scheduler
        self._max_queue = max_queue

    def collect(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily("hearth_waiting_requests", "Requests that wait for a model or a slot.")
        waiting.add_metric((), self._scheduler.n_waiting())
        limit = GaugeMetricFamily("hearth_queue_limit", "Requests that may wait.")
        limit.add_metric((), self._max_queue)
        memory = _per_model("hearth_model_memory_bytes", "Resident memory of a model's process.")
        forecast = _per_model("hearth_model_forecast_bytes", "Memory that was forecast for it.")
        cache = _per_model("hearth_model_cache_bytes", "Memory for the keys and values of its context, in all slots.")
        cards = _per_model("hearth_model_card_bytes", "Memory that it takes on graphics cards.")
        slots = _per_model("hearth_model_slots", "Answers that it can give at the same time.")
        busy = _per_model("hearth_model_busy_slots", "Answers that it gives now.")
        context = _per_model("hearth_model_context_tokens", "Context window of each slot.")
        for seat in self._scheduler.seats():
            labels = (seat.model.name.short,)
            memory.add_metric(labels, seat.runner.rss_bytes if seat.runner is not None else 0)
            forecast.add_metric(labels, seat.needs_bytes)
            cache.add_metric(labels, seat.cache_bytes)
            cards.add_metric(labels, seat.card_bytes)
            slots.add_metric(labels, seat.spec.n_slots)
            busy.add_metric(labels, seat.n_active)
            context.add_metric(labels, seat.spec.n_ctx)
        return waiting, limit, memory, forecast, cache, cards, slots, busy, context


def _per_model(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=("model",))
