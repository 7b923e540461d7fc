"""Sessions keep the values of a visitor, and no description of the page."""

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio import state_holder

from shared.ui.lean_gradio.light_sessions import LightSession, use_light_sessions


@pytest.fixture
def demo(monkeypatch):
    """Page with a counter, and a component that changes with it."""
    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)
    use_light_sessions()

    def count(text: str, number: int):
        return number + 1, gr.Textbox(f"{text} {number}", label=f"Call {number}")

    with gr.Blocks(analytics_enabled=False) as demo:
        state, text = gr.State(0), gr.Textbox(label="Text")
        gr.on([], count, [text, state], [state, text], api_name="count", queue=False)
    return demo


def call(client, session):
    body = {"data": ["photo", None], "fn_index": 0, "session_hash": session}
    return client.post("/gradio_api/run/count", json=body).json()["data"][1]


def test_sessions_have_values_of_their_own_and_describe_nothing(demo):
    app = gr.mount_gradio_app(FastAPI(), demo, path="/")
    with TestClient(app) as client:
        assert [call(client, "a")["value"] for _ in range(2)] == ["photo 0", "photo 1"]
        assert call(client, "b") == {"value": "photo 0", "label": "Call 0", "__type__": "update"}
    sessions = demo.state_holder.session_data
    assert all(isinstance(session, LightSession) for session in sessions.values())
    assert [list(session.components) for session in sessions.values()] == [[], []]
    changed = [session[demo.fns[0].outputs[1]._id].label for session in sessions.values()]
    assert changed == ["Call 1", "Call 0"]
