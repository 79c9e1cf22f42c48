"""What the publisher and the consumer for asyncio have in common."""

from __future__ import annotations

import asyncio
from typing import Any, Optional

from warren.errors import WarrenError, from_status


async def stop_task(task: Optional[asyncio.Task[None]]) -> None:
    """Cancels a task and waits until it is gone."""
    if task is None or task is asyncio.current_task():
        return
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def status_of(call: Any) -> WarrenError:
    """Why a call is over."""
    return from_status(
        await call.code(), await call.details() or "", tuple(await call.trailing_metadata() or ())
    )
