"""Answers of people who may not use the model any more: they end with the text that they have."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from django.db import DatabaseError

from webui.accounts.model_access import refused_now
from webui.chats.answering.live import LiveAnswer

logger = logging.getLogger(__name__)

CHECK_INTERVAL_S = 0.4
"""Together with how long the rules are kept, under a second."""


async def stop_refused(answers: Mapping[str, LiveAnswer]) -> None:
    """Stop the answers that may not go on, as long as any is written."""
    while answers:
        await asyncio.sleep(CHECK_INTERVAL_S)
        asked = {(answer.task.user_id, answer.model_key) for answer in answers.values() if answer.model_key}
        try:
            refused = await refused_now(list(asked))
        except DatabaseError:
            logger.exception("Who may use the models that are answering could not be checked.")
            continue
        for answer in list(answers.values()):
            if (answer.task.user_id, answer.model_key) in refused:
                answer.request_stop()
