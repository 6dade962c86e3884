"""Delete now and then what nobody needs any more."""

from __future__ import annotations

import asyncio
import logging

from inference.library.leftovers import remove_unused
from inference.library.manifests import Store

logger = logging.getLogger(__name__)

EVERY_S = 3600.0


async def keep_tidy(store: Store) -> None:
    """Clean a store at once and then every hour, until cancelled."""
    while True:
        try:
            if n_blobs := await asyncio.to_thread(remove_unused, store):
                logger.info("%d blobs that no model uses were deleted", n_blobs)
        except OSError as exc:
            logger.warning("blobs that no model uses could not be deleted: %s", exc.strerror)
        await asyncio.sleep(EVERY_S)
