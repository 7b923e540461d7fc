"""The queue on a server: cancel, order, places, limits and the end."""

import threading
import time

import httpx
from gradio_client import Client

from shared.ui.queueing import fair_queue


def test_a_running_call_ends_when_its_client_leaves(work_server):
    call = work_server.post("left", 20)
    with work_server.stream(call):
        work_server.wait_for(lambda: work_server.begun == ["left"])
        left_at = time.monotonic()
    work_server.wait_for(lambda: "left" in work_server.stopped)
    assert work_server.stopped["left"] - left_at < 2
    assert "complete" in " ".join(work_server.read(work_server.post("next")))


def test_a_call_whose_answer_is_read_later_is_not_ended(work_server):
    call = work_server.post("later", 0.2)
    work_server.wait_for(lambda: work_server.ended == ["later"])
    assert 'data: ["later"]' in work_server.read(call)


def test_a_running_call_ends_when_a_program_cancels_it(work_server):
    client = Client(work_server.url.removesuffix("/gradio_api"), verbose=False)
    job = client.submit("cancelled", 20, api_name="/work")
    work_server.wait_for(lambda: work_server.begun == ["cancelled"] and job.communicator.event_id)
    job.cancel()
    work_server.wait_for(lambda: "cancelled" in work_server.stopped)
    assert client.predict("next", 0, api_name="/work") == "next"


def test_a_waiting_call_is_dropped_when_its_client_leaves(work_server, monkeypatch):
    monkeypatch.setattr(fair_queue, "SHORT_SECONDS", 0)
    work_server.post("first", 1)
    work_server.wait_for(lambda: work_server.begun == ["first"])
    waiting = work_server.post("waiting", 0.6)
    with work_server.stream(waiting):
        assert len(work_server.queue) == 1
    work_server.wait_for(lambda: not len(work_server.queue) and work_server.ended == ["first"])
    assert work_server.begun == ["first"]


def test_an_address_has_a_share_of_the_places(work_server, monkeypatch):
    monkeypatch.setattr(fair_queue, "SHORT_SECONDS", 0)
    work_server.post("running", 60, "10.0.0.9")
    work_server.wait_for(lambda: work_server.begun == ["running"])
    answers = [work_server.post(f"call {number}", 0.01) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["detail"].startswith("3 calls are waiting already from your address")
    assert int(answers[-1].headers["Retry-After"]) >= 5
    assert work_server.post("other", 0.01, "10.0.0.2").status_code == 200


def test_a_full_queue_tells_when_to_come_back(work_server, monkeypatch):
    monkeypatch.setattr(fair_queue, "SHORT_SECONDS", 0)
    work_server.post("running", 60)
    work_server.wait_for(lambda: work_server.begun == ["running"])
    for number in range(12):
        assert work_server.post("waiting", 0.01, f"10.0.1.{number}").status_code == 200
    answer = work_server.post("too many", 0.01, "10.0.2.1")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("12 calls are waiting already")
    body = {"data": ["too many", 0], "fn_index": 0, "session_hash": "page"}
    assert httpx.post(f"{work_server.url}/queue/join", json=body).status_code == 200
    with httpx.stream("GET", f"{work_server.url}/queue/data?session_hash=page", timeout=9) as page:
        lines = [line for line in page.iter_lines() if "process_completed" in line]
    assert "12 calls are waiting already" in lines[0]


def test_a_call_that_takes_too_long_ends_with_a_sentence(work_server):
    work_server.queue.time_limit = 0.1
    answer = " ".join(work_server.read(work_server.post("long", 9)))
    assert "event: error" in answer
    assert "please choose a smaller picture" in answer


def test_a_short_call_overtakes_a_long_one_that_runs(work_server, monkeypatch):
    monkeypatch.setattr(fair_queue, "cost_key", lambda function, values: values[0])
    work_server.queue._costs.learn("long", 0, 60)
    work_server.queue._costs.learn("short", 0, 0.1)
    long_call = work_server.post("long", 3)
    work_server.wait_for(lambda: work_server.begun == ["long"])
    assert 'data: ["short"]' in work_server.read(work_server.post("short", 0.1, "10.0.0.2"))
    assert work_server.ended == ["short"]
    assert 'data: ["long"]' in work_server.read(long_call)


def test_short_calls_go_first_and_long_ones_do_not_starve(work_server, monkeypatch):
    monkeypatch.setattr(fair_queue, "cost_key", lambda function, values: values[0])
    for name, cost in (("first", 5), ("slow", 50), ("short", 5), ("old", 50)):
        work_server.queue._costs.learn(name, 0, cost)
    monkeypatch.setattr(fair_queue, "SHORT_SECONDS", 0)
    work_server.post("first", 1)
    work_server.wait_for(lambda: work_server.begun == ["first"])
    for name in ("slow", "short", "old"):
        work_server.post(name, 0.05, "10.0.0.2")
    for event in work_server.queue._waiting_events():
        if event.data.data[0] == "old":
            event.enqueue_time -= 200
    work_server.wait_for(lambda: len(work_server.ended) == 4)
    assert work_server.ended == ["first", "old", "short", "slow"]


def test_at_the_end_running_calls_finish_and_waiting_ones_are_told(work_server, monkeypatch):
    monkeypatch.setattr(fair_queue, "SHORT_SECONDS", 0)
    running = work_server.post("running", 1)
    work_server.wait_for(lambda: work_server.begun == ["running"])
    waiting = work_server.post("waiting", 0.5, "10.0.0.2")
    answers = {}

    def read(name, call):
        answers[name] = " ".join(work_server.read(call))

    readers = [
        threading.Thread(target=read, args=pair) for pair in (("running", running), ("waiting", waiting))
    ]
    for reader in readers:
        reader.start()
    time.sleep(0.1)
    work_server.server.should_exit = True
    for reader in readers:
        reader.join(5)
    assert "event: complete" in answers["running"]
    assert "The server is being restarted" in answers["waiting"]
    assert work_server.begun == ["running"]
