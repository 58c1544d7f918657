"""Starts the conversions that have a row and no workflow."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from temporalio import activity

from activities.run import refusals
from shapr.conversion import Request

PASS = 500  # rows a pass: more would outlive the pause between two passes


class Queued(Protocol):
    async def forgotten(self, limit: int, age_seconds: float) -> list[tuple[Request, int]]:
        """Queued rows older than that, with the attempt to start, oldest first."""


class Reconcile:
    def __init__(self, rows: Queued, start: Callable[[Request, int], Awaitable[object]], age_seconds: float) -> None:
        self.rows = rows
        self.start = start
        self.age_seconds = age_seconds

    @activity.defn
    async def start_forgotten(self) -> int:
        """Start each again: starting twice is harmless. Gives how many were offered."""
        with refusals():
            forgotten = await self.rows.forgotten(PASS, self.age_seconds)
            for request, attempt in forgotten:
                await self.start(request, attempt)
            return len(forgotten)
