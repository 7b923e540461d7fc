"""The queue of the server: short calls before long ones, none for clients that have left, limits for each."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from anyio import CapacityLimiter, to_thread
from fastapi import HTTPException, Request
from gradio import queueing
from gradio.block_function import BlockFunction
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, EventQueue
from gradio.server_messages import ProcessCompletedMessage
from gradio.utils import error_payload

from shared.core.calls import controlled_call
from shared.ui.errors import TITLE
from shared.ui.events import INFERENCE
from shared.ui.gradio_workarounds import client_address
from shared.ui.queueing.bounded_queue import BoundedQueue
from shared.ui.queueing.costs import CostModel, cost_key
from shared.ui.queueing.places import Refusal, refusal
from shared.ui.queueing.running_call import GONE, RunningCall
from shared.ui.queueing.sizes import count_megapixels
from shared.ui.server_settings import read_number

SHORT_SECONDS = 3.0  # calls of at most this length may overtake one that runs
# Networks of the proxies of a Space, which visitors cannot be in.
PRIVATE_NETWORKS = "10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1,fc00::/7"
LONG_RUN_FACTOR = 10  # on the time limit, for galleries and large models, which take minutes
CLOSING = Refusal(503, "The server is being restarted: please try again in a minute.", 60)


@dataclass(frozen=True)
class Call:
    """Properties of an event of the queue.

    Attributes:
        address: Network address of the client.
        key: Function and settings, for the costs.
        megapixels: Size of its images.
        cost: Expected seconds.
    """

    address: str
    key: Any
    megapixels: float
    cost: float


class FairQueue(BoundedQueue):
    """Queue of Gradio that is fair to short calls and to other visitors.

    The call with the highest response ratio, (wait + cost) / cost, goes next (Brinch Hansen, 1971): short
    ones overtake long ones, which do not starve. A short call also overtakes a long one of the `INFERENCE`
    lane that runs, which waits meanwhile between two of its tiles.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.closing = False
        self.time_limit = time_limit()
        self._costs = CostModel()
        self._calls: WeakKeyDictionary[Event, Call] = WeakKeyDictionary()
        self._running: dict[str, list[RunningCall]] = {}
        self._readers: CapacityLimiter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start to run events, in the server's event loop."""
        self._loop = asyncio.get_running_loop()
        super().start()

    async def push(
        self, body: PredictBodyInternal, request: Request, username: str | None
    ) -> tuple[bool, Any, Any]:
        """Queue a call, or answer at once that there is no place for it.

        Raises:
            HTTPException: There is none; pages and Gradio's clients get the sentence as an error of the call.
        """
        function = self.blocks.fns.get(body.fn_index) if body.fn_index is not None else None
        address = client_address(request)
        self._readers = self._readers or CapacityLimiter(1)  # headers of hostile files may take seconds
        megapixels = 0.0
        for is_measured in (False, True):  # others may have come meanwhile
            denied = self._refusal(address)
            if denied is not None and function is not None:
                return self._refuse(denied, function, body, request, username)
            if not is_measured:
                megapixels = await to_thread.run_sync(count_megapixels, body.data, limiter=self._readers)
        success, answer, state = await super().push(body, request, username)
        event = self.event_ids_to_events.get(str(answer)) if success else None
        if event is not None:
            key = cost_key(event.fn, body.data)
            cost = self._costs.estimate(key, megapixels)
            self._calls[event] = Call(address, key, megapixels, cost)
        return success, answer, state

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """Take the next event out of the queue; None if none may run now."""
        now = time.monotonic()
        for lane in self.event_queue_per_concurrency_id.values():
            lane.queue.sort(key=lambda event: self._response_ratio(event, now), reverse=True)
        return super().get_events() or self._overtaking_events()

    async def process_events(
        self, events: list[Event], batch: bool, begin_time: float, fn: BlockFunction
    ) -> None:
        """Run events; their work checks between two steps whether it may go on."""
        lane = events[0].concurrency_id
        call = self._calls.get(events[0])
        factor = 1 if lane == INFERENCE.group else LONG_RUN_FACTOR
        running = RunningCall(events, self._cost(events[0]), self.time_limit * factor)
        others = self._running.setdefault(lane, [])
        others.append(running)
        try:
            with controlled_call(running):
                await super().process_events(events, batch, begin_time, fn)
        except asyncio.CancelledError:  # the client cancels it; its thread goes on up to its next check
            running.end(GONE)
            raise
        finally:
            others.remove(running)
            for remaining in others:
                remaining.release()
            status = self.event_analytics.get(events[0]._id, {}).get("status")
            if call is not None and status == "success" and events[0].alive:
                self._costs.learn(call.key, call.megapixels, running.seconds)

    async def drain(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Tell the calls that wait that the server ends, and give those that run some time.

        Args:
            seconds: Longest time in seconds; then calls end at their next step.
            is_over: Function that returns True if nobody wants to wait longer.
        """
        self.closing = True
        async with self.delete_lock:
            for lane in self.event_queue_per_concurrency_id.values():
                for event in lane.queue:
                    self._send_error(event, CLOSING.sentence)
                lane.queue.clear()
        deadline = time.monotonic() + seconds
        while any(self.active_jobs) and not is_over() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for calls in self._running.values():
            for running in calls:
                running.end(CLOSING.sentence)
        deadline = time.monotonic() + 1
        while any(self.active_jobs) and not is_over() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    def drain_from_thread(self, seconds: float) -> None:
        """Drain the queue from a thread other than the server's, see `drain`."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self.drain(seconds, lambda: False), self._loop).result()

    def _refusal(self, address: str) -> Refusal | None:
        if self.closing:
            return CLOSING
        if self.max_size is None:
            return None
        addresses = [
            call.address if (call := self._calls.get(event)) else "" for event in self._waiting_events()
        ]
        return refusal(addresses, address, self.max_size, self._expected_wait())

    def _refuse(
        self,
        denied: Refusal,
        function: BlockFunction,
        body: PredictBodyInternal,
        request: Request,
        username: str | None,
    ) -> tuple[bool, str, str]:
        """Answer a call that is not queued; of a status of 503 the page would show a text of its own."""
        if not request.url.path.rstrip("/").endswith("/queue/join"):
            headers = {"Retry-After": str(denied.seconds)}
            raise HTTPException(denied.status, detail=denied.sentence, headers=headers)
        event = Event(body.session_hash, function, request, username)
        if event.session_hash not in self.pending_messages_per_session:
            self.pending_messages_per_session[event.session_hash] = asyncio.Queue()
        self.pending_event_ids_session.setdefault(event.session_hash, set()).add(event._id)
        self._send_error(event, denied.sentence)
        self.forget_answered()
        return True, event._id, "success"

    def _send_error(self, event: Event, sentence: str) -> None:
        output = error_payload(gr.Error(sentence, title=TITLE, print_exception=False), False)
        title = str(output["title"])
        self.send_message(event, ProcessCompletedMessage(output=output, title=title, success=False))

    def _overtaking_events(self) -> tuple[list[Event], bool, str] | None:
        """Take a short event that may run although its lane is taken by a long one, which waits meanwhile."""
        lane = self.event_queue_per_concurrency_id.get(INFERENCE.group)
        calls = self._running.get(INFERENCE.group, [])
        if lane is None or not lane.queue or lane.current_concurrency != 1 or len(calls) != 1:
            return None
        if not calls[0].is_patient:
            return None
        event = min(lane.queue, key=self._cost)
        remaining = calls[0].cost - calls[0].seconds
        if self._cost(event) > min(SHORT_SECONDS, max(remaining, calls[0].seconds) / 2):
            return None
        calls[0].hold()
        lane.queue.remove(event)
        return [event], False, lane.concurrency_id

    def _expected_wait(self) -> float:
        """Return the seconds after which all calls are likely to be done that run or wait now."""
        return max(map(self._lane_seconds, self.event_queue_per_concurrency_id.values()), default=0.0)

    def _lane_seconds(self, lane: EventQueue) -> float:
        running = self._running.get(lane.concurrency_id, [])
        seconds = sum(max(call.cost - call.seconds, 1) for call in running) + sum(map(self._cost, lane.queue))
        return seconds / (lane.concurrency_limit or max(len(running), 1))

    def _waiting_events(self) -> Iterator[Event]:
        for lane in self.event_queue_per_concurrency_id.values():
            yield from lane.queue

    def _cost(self, event: Event) -> float:
        call = self._calls.get(event)
        return max(call.cost, 0.05) if call is not None else 1.0

    def _response_ratio(self, event: Event, now: float) -> float:
        cost = self._cost(event)
        return (now - event.enqueue_time + cost) / cost


def time_limit() -> int:
    """Return the seconds that a call may run: IMAGE_SPACES_TIME_LIMIT, or 120."""
    return read_number("TIME_LIMIT", 120)


def use_fair_queue() -> None:
    """Have Gradio build a `FairQueue` wherever it builds a queue.

    On Hugging Face, whose proxies alone reach a Space, visitors count by the last public address that these
    name; addresses before it are words of the visitor's own.
    """
    if os.environ.get("SPACE_ID"):
        os.environ.setdefault("FORWARDED_ALLOW_IPS", PRIVATE_NETWORKS)
    queueing.Queue = FairQueue  # type: ignore[misc]
