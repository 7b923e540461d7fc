"""Events of a page and endpoints of its API."""

import gradio as gr
from gradio.utils import get_function_description

from shared.ui.events import INFERENCE, LONG_RUNNING, endpoint, on_event


def function(text):
    """Repeat a text."""
    return text


def test_events_are_private_and_share_limits():
    with gr.Blocks() as demo:
        text = gr.Textbox()
        on_event([text.change, text.submit], function, [text], text)
        on_event([text.blur], function, [text], [text], concurrency=LONG_RUNNING)
        on_event([text.focus], function, [text], [text], concurrency=None)
    first, second, third = demo.fns.values()
    assert {event.api_visibility for event in demo.fns.values()} == {"private"}
    assert {event.trigger_mode for event in demo.fns.values()} == {"always_last"}
    assert [name for _, name in first.targets] == ["change", "submit"]
    assert (first.concurrency_id, first.concurrency_limit) == INFERENCE == ("accelerator", 1)
    assert (second.concurrency_id, second.concurrency_limit) == LONG_RUNNING
    assert third.concurrency_limit == "default"
    assert third.concurrency_id not in ("accelerator", LONG_RUNNING.group)


def test_endpoints_are_public_and_lossless():
    with gr.Blocks() as demo:
        endpoint(function, [gr.Textbox()], {"Image": gr.Image, "Text": gr.Textbox})
    (event,) = demo.fns.values()
    assert event.api_visibility == "public"
    assert event.api_name == "function"
    image, text = event.outputs
    assert image.format == "png"
    assert (image.label, text.label) == ("Image", "Text")


def test_the_documentation_of_an_endpoint_has_one_line_per_argument():
    def draw(session, text, progress=None):
        """Draw a text.

        Args:
            session: Key of the session.
            text: The text, which may be
                long: up to two lines.
            progress: Progress bar.

        Returns:
            The drawing, and
            its title.
        """

    with gr.Blocks():
        endpoint(draw, [gr.State(), gr.Textbox()], {"Text": gr.Textbox})
    description, arguments, results = get_function_description(draw)
    assert description == "Draw a text."
    assert arguments == {
        "session": "",
        "text": "The text, which may be long: up to two lines.",
        "progress": "",
    }
    assert results == ["The drawing, and its title."]
