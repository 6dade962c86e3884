"""What runs beside the pages in the web process."""

from __future__ import annotations

from importlib.util import find_spec

from webui.management.background import BackgroundJobs, Job


def background_jobs() -> BackgroundJobs:
    jobs: list[Job] = []
    farewells: list[Job] = []
    if find_spec("rag.api"):
        from rag.api import ingestion_loop

        jobs.append(ingestion_loop)
    if find_spec("inference.client"):
        from inference import client

        farewells.append(client.aclose)
    if find_spec("webui.chats.background"):
        from webui.chats.background import chat_upkeep, end_answers

        jobs.append(chat_upkeep)
        # Before the connections to the models are closed.
        farewells.insert(0, end_answers)
    return BackgroundJobs(jobs=jobs, farewells=farewells)
