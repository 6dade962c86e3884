"""Delete blobs that were sent for a model which was never made."""

from __future__ import annotations

import time

from inference.library.errors import BadManifest
from inference.library.manifests import Store, parse_digest
from inference.library.partial import clear_stale

UNUSED_S = 24 * 3600.0


def remove_unused(store: Store, *, now: float | None = None) -> int:
    """Delete the blobs that no manifest names and nobody touched for a day; return how many.

    While a download is unfinished nothing is deleted: its whole layers have no manifest yet either.
    """
    clear_stale(store.blobs)
    before = (time.time() if now is None else now) - UNUSED_S
    with store.changing():
        if any(store.blobs.glob("*-partial")):
            return 0
        old = set[str]()
        for path in store.blobs.glob("sha256-*"):
            try:
                digest = parse_digest(path.name)
            except BadManifest:
                continue
            # Not when it was written: a file that was taken over may be years old by that.
            if path.stat().st_ctime < before:
                old.add(digest)
        return store.prune(old) if old else 0
