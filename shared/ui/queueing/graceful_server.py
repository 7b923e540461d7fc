"""Servers that let running calls finish before they end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket

import uvicorn

from shared.ui.queueing.fair_queue import FairQueue

GRACE_SECONDS = 10  # for running calls
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class GracefulServer(uvicorn.Server):
    """Server that on SIGTERM or Ctrl-C first drains the queue; a second signal ends it at once.

    Args:
        config: Application and address.
        queue: Queue of the application.
    """

    def __init__(self, config: uvicorn.Config, queue: FairQueue) -> None:
        super().__init__(config)
        self._queue = queue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the calls that wait, give those that run `GRACE_SECONDS`, then close all connections."""
        await self._queue.drain(GRACE_SECONDS, lambda: self.force_exit)
        await super().shutdown(sockets)


def drain_on_signals(queue: FairQueue) -> None:
    """Drain a queue on SIGTERM or Ctrl-C, and then interrupt the main thread, for a server of Gradio's."""

    def drain(number: int, frame: object) -> None:
        for signal_number in SIGNALS:  # the second one ends the server at once
            signal.signal(signal_number, signal.default_int_handler)
        queue.drain_from_thread(GRACE_SECONDS)
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, drain)


def is_relevant(record: logging.LogRecord) -> bool:
    """Return False for log lines about the connections of open pages, which end with the server."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and "graceful shutdown" not in record.getMessage()
