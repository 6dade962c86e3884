from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inference.dialects.library import library, runners
from inference.types import Library, ModelFit, Runner, Setting

PLANNED = {"context_length": 8192, "n_slots": 2, "weights_bytes": 5, "cache_bytes": 3, "work_bytes": 1}


def test_a_library_is_read() -> None:
    read = library(
        {
            "models": [
                {
                    "name": "a:latest",
                    "source": "attached",
                    "path": "/a.gguf",
                    "is_ours": False,
                    "fit": {
                        "planned": PLANNED,
                        "free_bytes": 7,
                        "best": PLANNED | {"n_slots": 1, "cache_bytes": 1},
                        "quantization": "Q2_K",
                    },
                },
                {"name": ""},
                "noise",
            ],
            "disk": {"models_bytes": 1, "free_bytes": 2, "total_bytes": 3},
            "memory": {"free_bytes": 4, "total_bytes": 5},
        }
    )

    (entry,) = read.entries
    assert (entry.source, entry.path, entry.is_ours) == ("attached", "/a.gguf", False)
    assert entry.fit == ModelFit(
        planned=Setting(context_length=8192, n_slots=2, weights_bytes=5, cache_bytes=3, work_bytes=1),
        free_bytes=7,
        best=Setting(context_length=8192, n_slots=1, weights_bytes=5, cache_bytes=1, work_bytes=1),
        quantization="Q2_K",
    )
    assert not entry.fit.fits
    assert (read.models_bytes, read.disk_free_bytes, read.disk_total_bytes) == (1, 2, 3)
    assert (read.memory_bytes, read.memory_total_bytes) == (4, 5)


def test_an_empty_answer_is_an_empty_library() -> None:
    assert library({}) == Library(
        entries=(), models_bytes=0, disk_free_bytes=0, disk_total_bytes=0, memory_bytes=0, memory_total_bytes=0
    )


def test_runners_are_read_and_for_ever_is_no_date() -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    facts = {"forecast_bytes": 9, "context_length": 4096, "n_slots": 4, "n_active": 1}
    sizes = {"cache_bytes": 3, "card_bytes": 2}

    read = runners(
        {
            "models": [
                {"name": "a", "state": "ready", "rss_bytes": 8, "expires_at": soon.isoformat(), **facts, **sizes},
                {"name": "b", "state": "loading", "rss_bytes": None, "expires_at": "2318-01-01T00:00:00Z", **facts},
                {"name": "c", "state": "on fire"},
            ]
        }
    )

    assert read == [
        Runner(
            name="a",
            state="ready",
            rss_bytes=8,
            forecast_bytes=9,
            context_length=4096,
            n_slots=4,
            n_active=1,
            expires_at=soon,
            cache_bytes=3,
            card_bytes=2,
        ),
        Runner(name="b", state="loading", rss_bytes=None, forecast_bytes=9, context_length=4096, n_slots=4, n_active=1),
    ]
