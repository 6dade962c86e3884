"""What runs beside the pages in the web process."""

from __future__ import annotations

import rag.api
from inference import client
from webui.chats.background import chat_upkeep, end_answers
from webui.chats.transfer.loop import chat_import_loop
from webui.management.background import BackgroundJobs


def background_jobs() -> BackgroundJobs:
    return BackgroundJobs(
        jobs=[
            chat_upkeep,
            rag.api.ingestion_loop,
            rag.api.import_loop,
            chat_import_loop,
            rag.api.sync_loop,
            rag.api.evaluation_loop,
            ask_for_models,
        ],
        farewells=[end_answers, client.aclose],
    )


async def ask_for_models() -> None:
    """Ask the connections once at the start, so that the first page finds the answer."""
    await client.list_models()
