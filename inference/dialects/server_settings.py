"""What our own server's `/hearth/settings` says. No I/O."""

from __future__ import annotations

from inference.dialects.ndjson import JsonObject
from inference.dialects.values import items, mapping, size, text
from inference.types import Device, ServerSetting, ServerSettings


def server_settings(body: JsonObject) -> ServerSettings:
    return ServerSettings(
        settings=tuple(
            ServerSetting(
                name=text(entry.get("name")),
                value=text(entry.get("value")),
                default=text(entry.get("default")),
                is_supported=entry.get("support") != "not supported",
                meaning=text(entry.get("meaning")),
                support=text(entry.get("support")),
            )
            for entry in map(mapping, items(body.get("settings")))
        ),
        devices=tuple(
            Device(
                name=text(entry.get("name")),
                description=text(entry.get("description")),
                memory_bytes=size(entry.get("memory_bytes")) or 0,
            )
            for entry in map(mapping, items(body.get("devices")))
        ),
        no_gpu_reason=text(body.get("no_gpu_reason")),
    )
