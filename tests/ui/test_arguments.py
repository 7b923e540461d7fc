"""Arguments of calls: values for each kind of component, names and numbers of arguments, over HTTP."""

import json
import logging
import math

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shared.core.errors import InputError
from shared.ui.arguments.blocks import UNUSABLE_FILE
from shared.ui.arguments.checks import check_value, excerpt
from shared.ui.components.image_inputs import image_files, image_input, integer_list
from shared.ui.events import endpoint, on_event
from shared.ui.middleware.call_arguments import MAX_BODY_BYTES, CallArguments
from shared.ui.page import page

FILE = {"path": "/a.png", "meta": {"_type": "gradio.FileData"}}
MANY = [f"style number {number}" for number in range(30)]
ACCEPTED = [
    (gr.Slider(1, 9, value=5), [1, 9, 2.5]),
    (gr.Number(), [None, 0, -1e15]),
    (gr.Number(0, minimum=0), [0, 2**53]),
    (gr.Checkbox(False), [True, False]),
    (gr.Textbox(""), ["", "two\nlines", "\0"]),
    (gr.Textbox(), [None, "text"]),
    (gr.Dropdown(["a", ("B", 2)], value="a"), ["a", 2]),
    (gr.Dropdown(["a", "b"], value=["a"], multiselect=True), [[], ["a", "b"]]),
    (gr.Dropdown(["a"], value="a", allow_custom_value=True), ["z"]),
    (gr.Radio(["a", "b"], value="a"), ["b"]),
    (integer_list("Ids"), [[], [1, 2.0, 10**400]]),
    (image_input(), [None, FILE, {"url": "data:,"}]),
    (image_files(), [None, [], [FILE, "data:,"]]),
    (gr.State(), [None, 1, object()]),
]
REFUSED = [
    (gr.Slider(1, 9, value=5), [None, True, "5", 0, 9.1, math.nan, math.inf, 10**400, []], "from 1 to 9"),
    (gr.Number(0, minimum=0), [None, "0", -1, 1e308, 2**54], "a number from 0"),
    (gr.Checkbox(False), [None, 0, "false"], "true or false"),
    (gr.Textbox(""), [None, 5, True, [], {}], "a text"),
    (gr.Textbox(""), ["\ud800"], "a text of valid characters"),
    (gr.Dropdown(["a", ("B", 2)], value="a"), [None, "c", True, ["a"], {}, 2.0, math.nan], "one of a, 2"),
    (gr.Dropdown(["a"], value="a", allow_custom_value=True), [None, 5], "a text"),
    (gr.Dropdown(MANY, value=MANY[0]), ["x"], "one of style number 0"),
    (gr.Radio(["a", "b"], value="a"), [None, 0], "one of a, b"),
    (integer_list("Ids"), [None, 1, ["1"], [True], [None], [1.5], [math.nan], {"a": 1}], "whole numbers"),
    (image_input(), ["a.png", 5, [], {}, {"path": None}, {"path": {"a": 1}}], "an uploaded file"),
    (image_files(), [FILE, "a.png", [None], [5], [{}]], "a list of uploaded files"),
]


@pytest.mark.parametrize(("component", "values"), ACCEPTED)
def test_values_that_are_accepted(component, values):
    for value in values:
        check_value(component, "name", value)


@pytest.mark.parametrize(("component", "values", "words"), REFUSED)
def test_values_that_are_refused(component, values, words):
    for value in values:
        with pytest.raises(InputError, match=f"^“name” must be .*{words}.*, not .*[.]$") as raised:
            check_value(component, "name", value)
        assert len(str(raised.value)) < 200


def test_excerpts_of_values():
    assert [excerpt(value) for value in (None, True, "a", [1])] == ["null", "true", '"a"', "[1]"]
    assert len(excerpt("x" * 10_000)) == len(excerpt(["x" * 10_000])) == 40
    assert excerpt("\ud800") == '"?"'


def repeat(text: str, count: int = 2, session: str = "") -> str:
    """Repeat a text.

    Args:
        text: The text.
        count: Number of repetitions.
        session: Key of the session.
    """
    return text * int(count)


def first_path(image: str) -> str:
    """Return the path of a file."""
    return image


@pytest.fixture(scope="module")
def demo():
    """Page with two endpoints and an event."""
    with page("Test") as demo:
        text, count = gr.Textbox(label="Text"), gr.Slider(1, 9, value=2, label="Count")
        endpoint(repeat, [text, count, gr.State("s")], {"Text": gr.Textbox})
        endpoint(first_path, [image_input()], {"Path": gr.Textbox})
        on_event([count.change], lambda count: str(count), [count], text)
    demo.queue()
    demo.has_launched = True
    return demo


@pytest.fixture(scope="module")
def http(demo):
    """Client of a server with the page."""
    server = FastAPI()
    server.add_middleware(CallArguments, blocks=demo)
    gr.mount_gradio_app(server, demo, path="/", show_error=False)
    with TestClient(server) as client:
        yield client


def post(http, path, body):
    content = body if isinstance(body, str) else json.dumps(body)
    return http.post(f"/gradio_api/{path}", content=content, headers={"content-type": "application/json"})


def test_calls_with_usable_arguments(http):
    for path, body in [
        ("call/v2/repeat", {"text": "ab", "count": 3}),
        ("call/v2/repeat", {"text": "ab", "count": 3, "oauth_token": "x"}),
        ("call/repeat", {"data": ["ab", 3]}),
        ("call/repeat", {"data": ["ab", 3, None]}),
    ]:
        answer = post(http, path, body)
        text = http.get(f"/gradio_api/{path}/{answer.json()['event_id']}").text
        assert '["ababab"]' in text


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (
            "call/v2/repeat",
            {"text": "a", "color": 1},
            422,
            "“color” is no argument: repeat takes text, count.",
        ),
        ("call/v2/repeat", {"count": 1}, 422, "“text” is missing: repeat takes text, count."),
        ("call/v2/repeat", {"text": "a", "count": "x"}, 422, "“count” must be a number from 1 to 9"),
        ("call/v2/repeat", {"text": "a", "session": "x"}, 422, "“session” is no argument"),
        ("call/v2/repeat", '{"text": "a", "count": NaN}', 422, "not NaN."),
        ("call/v2/repeat", "[]", 422, "must be a JSON object"),
        ("call/v2/repeat", '{"text": ', 422, "must be JSON"),
        ("call/v2/repeat", "[" * 100_000, 422, "must be JSON"),
        ("call/v2/nothing", {}, 404, "no endpoint nothing"),
        ("call/nothing", {"data": []}, 404, "no endpoint nothing"),
        ("run/nothing", {"data": []}, 404, "no endpoint nothing"),
        ("call/repeat", {"data": ["a"]}, 422, "The call has 1 value: repeat takes text, count."),
        ("call/repeat", {"data": [1, 2, 3, 4]}, 422, "The call has 4 values: repeat takes text, count."),
        ("call/repeat", {"data": ["a", None]}, 422, "“count” must be a number from 1 to 9, not null."),
        ("call/repeat", {}, 422, "“data” must be a list"),
        ("queue/join", {"data": [], "fn_index": 999, "session_hash": "s"}, 404, "no such function"),
        ("queue/join", {"data": [], "fn_index": "0", "session_hash": "s"}, 404, "no such function"),
        ("queue/join", {"fn_index": 0, "session_hash": "s"}, 422, "“data” must be a list"),
    ],
)
def test_unusable_calls_are_answered_at_once(http, path, body, status, words):
    answer = post(http, path, body)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("index", "data", "words"),
    [
        (0, ["a", 99, None], "“count” must be a number from 1 to 9, not 99."),
        (0, ["a"], "The call has 1 value"),
        (1, [FILE], UNUSABLE_FILE),
        (1, [{"path": "a", "size": "x"}], UNUSABLE_FILE),
        (2, ["x"], "“Count” must be a number from 1 to 9"),
    ],
)
def test_unusable_calls_of_pages_leave_no_trace(http, caplog, capfd, index, data, words):
    session = f"session {index} {data}"
    with caplog.at_level(logging.WARNING):
        answer = post(http, "queue/join", {"fn_index": index, "data": data, "session_hash": session})
        assert answer.status_code == 200
        text = http.get("/gradio_api/queue/data", params={"session_hash": session}).text
    assert words in text
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_answers_to_unknown_calls(http):
    assert http.get("/gradio_api/call/repeat/nothing").status_code == 404
    assert http.get("/gradio_api/call/v2/repeat/nothing").status_code == 404
    assert "session_not_found" in http.get("/gradio_api/queue/data?session_hash=nobody").text


def test_an_answer_is_fetched_once(http, demo, monkeypatch):
    event = post(http, "call/repeat", {"data": ["a", 1]}).json()["event_id"]
    assert "complete" in http.get(f"/gradio_api/call/repeat/{event}").text
    # the queue forgets the event a moment after its answer has been fetched
    monkeypatch.setitem(demo._queue.event_ids_to_events, event, None)
    assert http.get(f"/gradio_api/call/repeat/{event}").status_code == 404


def test_calls_that_are_too_large(http):
    answer = post(http, "call/repeat", " " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
