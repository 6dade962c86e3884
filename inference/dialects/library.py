"""What the built-in server says about its library and its runners: `/hearth/library` and `/hearth/status`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inference.dialects.contents import source
from inference.dialects.ndjson import JsonObject
from inference.dialects.values import count, items, mapping, moment, size, text
from inference.types import Library, LibraryEntry, ModelFit, Offload, Runner, Setting

NEVER = timedelta(days=365 * 50)
"""Ollama writes "for ever" as some three hundred years."""


def library(body: JsonObject) -> Library:
    disk, memory = mapping(body.get("disk")), mapping(body.get("memory"))
    return Library(
        entries=tuple(_entry(entry) for entry in map(mapping, items(body.get("models"))) if text(entry.get("name"))),
        models_bytes=size(disk.get("models_bytes")) or 0,
        disk_free_bytes=size(disk.get("free_bytes")) or 0,
        disk_total_bytes=size(disk.get("total_bytes")) or 0,
        memory_bytes=size(memory.get("free_bytes")) or 0,
        memory_total_bytes=size(memory.get("total_bytes")) or 0,
    )


def model_fit(body: JsonObject) -> ModelFit:
    best = body.get("best")
    return ModelFit(
        planned=_setting(mapping(body.get("planned"))),
        free_bytes=size(body.get("free_bytes")) or 0,
        best=_setting(best) if isinstance(best, dict) else None,
        quantization=text(body.get("quantization")),
        offload=_offload(body.get("offload")),
    )


def runners(body: JsonObject) -> list[Runner]:
    return [
        Runner(
            name=text(entry.get("name")),
            state=entry["state"],
            rss_bytes=size(entry.get("rss_bytes")),
            forecast_bytes=size(entry.get("forecast_bytes")) or 0,
            context_length=count(entry.get("context_length")) or None,
            n_slots=count(entry.get("n_slots")) or 0,
            n_active=count(entry.get("n_active")) or 0,
            expires_at=_expiry(moment(entry.get("expires_at"))),
            cache_bytes=size(entry.get("cache_bytes")) or 0,
            card_bytes=size(entry.get("card_bytes")) or 0,
        )
        for entry in map(mapping, items(body.get("models")))
        if entry.get("state") in ("loading", "ready", "stopping")
    ]


def _entry(body: JsonObject) -> LibraryEntry:
    return LibraryEntry(
        name=text(body.get("name")),
        source=source(body.get("source")),
        path=text(body.get("path")),
        is_ours=body.get("is_ours") is True,
        fit=model_fit(mapping(body.get("fit"))),
    )


def _offload(value: object) -> Offload | None:
    if not isinstance(value, dict):
        return None
    n_layers, n_all = count(value.get("n_layers")) or 0, count(value.get("n_all")) or 0
    return Offload(n_layers=n_layers, n_all=n_all, card_bytes=size(value.get("card_bytes")) or 0)


def _setting(body: JsonObject) -> Setting:
    return Setting(
        context_length=count(body.get("context_length")) or 0,
        n_slots=count(body.get("n_slots")) or 1,
        weights_bytes=size(body.get("weights_bytes")) or 0,
        cache_bytes=size(body.get("cache_bytes")) or 0,
        work_bytes=size(body.get("work_bytes")) or 0,
    )


def _expiry(at: datetime | None) -> datetime | None:
    return at if at and at - datetime.now(UTC) < NEVER else None
