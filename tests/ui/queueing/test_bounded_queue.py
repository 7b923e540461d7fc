"""Records of past calls stay few; those of calls that wait or run are never among the forgotten."""

import httpx
import pytest

from shared.ui.queueing import bounded_queue


@pytest.fixture(autouse=True)
def few_answers(monkeypatch):
    """A limit that a test can reach."""
    monkeypatch.setattr(bounded_queue, "MAX_ANSWERED", 3)


def sessions(queue):
    return len({*queue.pending_event_ids_session, *queue.pending_messages_per_session})


def test_answers_are_forgotten_whether_they_were_read_or_not(work_server):
    for number in range(8):
        call = work_server.post(f"read {number}")
        assert "complete" in " ".join(work_server.read(call))
    for number in range(8):
        work_server.post(f"unread {number}")
        work_server.wait_for(lambda: not work_server.queue.event_ids_to_events)
    assert sessions(work_server.queue) <= bounded_queue.MAX_ANSWERED + 1


def test_refused_calls_of_a_page_do_not_cost_others_their_answers(work_server):
    running = work_server.post("running", 2)
    with work_server.stream(running) as stream:
        work_server.wait_for(lambda: work_server.begun == ["running"])
        work_server.queue.closing = True
        for number in range(20):
            body = {"data": ["refused", 0], "fn_index": 0, "session_hash": f"page {number}"}
            assert httpx.post(f"{work_server.url}/queue/join", json=body).status_code == 200
        assert sessions(work_server.queue) <= bounded_queue.MAX_ANSWERED + 1
        assert 'data: ["running"]' in list(stream.iter_lines())


def test_the_summary_of_past_calls_costs_nothing(work_server):
    assert "complete" in " ".join(work_server.read(work_server.post("done")))
    work_server.wait_for(lambda: not work_server.queue.event_ids_to_events)
    assert work_server.queue.compute_analytics_summary([{"function": "work"}]) == {"functions": {}}
