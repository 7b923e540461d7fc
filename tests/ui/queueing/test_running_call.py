"""Running calls: those whose client has left or whose time is up end; long ones wait for short ones."""

import threading
from types import SimpleNamespace

import pytest

from shared.core.calls import check_call, controlled_call
from shared.core.errors import StoppedError, TimeLimitError
from shared.core.scheduling import prefetch
from shared.ui.queueing.running_call import RunningCall


@pytest.fixture
def event():
    return SimpleNamespace(alive=True)


def test_a_call_outside_the_queue_is_never_ended():
    check_call()


def test_a_call_ends_when_its_last_client_has_left(event):
    second = SimpleNamespace(alive=True)
    with controlled_call(RunningCall([event, second], 1, None)):
        event.alive = False
        check_call()
        second.alive = False
        with pytest.raises(StoppedError):
            check_call()
    check_call()


def test_a_call_ends_when_its_time_is_up(event):
    with controlled_call(RunningCall([event], 1, 0)), pytest.raises(TimeLimitError, match="smaller picture"):
        check_call()


def test_a_call_ends_with_the_sentence_of_the_server(event):
    running = RunningCall([event], 1, None)
    running.hold()
    running.end("The server ends.")
    with controlled_call(running), pytest.raises(StoppedError, match="The server ends"):
        check_call()


def test_a_long_call_waits_for_a_short_one_and_its_wait_does_not_count(event):
    running = RunningCall([event], 60, 0.25)
    running.hold()
    threading.Timer(0.3, running.release).start()
    with controlled_call(running):
        check_call(may_wait=False)
        check_call()
    assert running.seconds < 0.25
    assert running.is_patient


def test_work_on_other_threads_is_ended_too(event):
    with controlled_call(RunningCall([event], 1, None)):
        results = prefetch(range(9), lambda number: number, buffer_size=1)
        assert next(results)[0] == 0
        event.alive = False
        with pytest.raises(StoppedError):
            list(results)
