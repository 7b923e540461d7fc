"""Servers of single spaces: a signal drains the queue, then interrupts the main thread."""

import signal

import pytest

from shared.ui.queueing.graceful_server import GRACE_SECONDS, SIGNALS, drain_on_signals


class Queue:
    def __init__(self):
        self.drained = []

    def drain_from_thread(self, seconds):
        self.drained.append(seconds)


@pytest.fixture
def queue():
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield Queue()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_signal_drains_the_queue_and_a_second_one_does_not(queue):
    drain_on_signals(queue)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert queue.drained == [GRACE_SECONDS]
