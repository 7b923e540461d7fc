"""Lazy tabs: filled while they are open, and only if their inputs have changed."""

from types import SimpleNamespace

import gradio as gr
import pytest

from shared.ui.tabs import LazyTab, load_open_tab


@pytest.fixture
def page():
    """A page with two tabs, the function `fill` of its event, and the calls of the tabs' functions."""
    calls = []

    def fill_first(image):
        if image == "bad":
            raise gr.Error("This is no picture.", print_exception=False)
        calls.append(("first", image))
        return [f"first {image}"]

    def fill_second(image, choice):
        calls.append(("second", image, choice))
        return [gr.update(value=choice or "default"), "text"]

    with gr.Blocks() as demo:
        image = gr.Textbox()
        with gr.Tabs() as tabs:
            with gr.Tab("First", elem_id="first") as tab:
                first = LazyTab(tab, fill_first, [image], [gr.Textbox()])
            with gr.Tab("Second", elem_id="second") as tab:
                choice = gr.Dropdown(["default", "other"])
                second = LazyTab(tab, fill_second, [image, choice], [choice, gr.Textbox()], [choice.input])
        load_open_tab(tabs, [first, second], [image.change])
    (event,) = demo.fns.values()
    return SimpleNamespace(demo=demo, event=event, fill=event.fn, calls=calls)


def test_all_tabs_share_one_event(page):
    assert [name for _, name in page.event.targets] == ["select", "change", "input"]
    assert '["first", "second"].find' in page.event.js


def test_each_tab_shows_its_own_progress():
    with gr.Blocks() as demo:
        boxes = [gr.Textbox() for _ in range(4)]
        with gr.Tabs() as tabs:
            first = LazyTab(gr.Tab(elem_id="first"), list, [], boxes[:2], progress_on=boxes[0])
            second = LazyTab(gr.Tab(elem_id="second"), list, [], [*boxes[2:], gr.State()])
        load_open_tab(tabs, [first, second], [])
    (event,) = demo.fns.values()
    assert event.show_progress_on == [boxes[0], *boxes[2:]]


def test_only_the_open_tab_is_filled(page):
    filled, *results = page.fill("first", {}, "cat", None)
    assert page.calls == [("first", "cat")]
    assert results == ["first cat", gr.skip(), gr.skip()]
    assert filled == {"first": ["cat"]}


def test_other_tabs_are_left_alone(page):
    assert page.fill("", {}, "cat", None) == [gr.skip()] * 4
    assert page.calls == []


def test_unchanged_inputs_cost_nothing(page):
    filled, *_ = page.fill("first", {}, "cat", None)
    assert page.fill("first", filled, "cat", "other") == [gr.skip()] * 4
    page.fill("first", filled, "dog", None)
    assert page.calls == [("first", "cat"), ("first", "dog")]


def test_an_input_that_the_tab_has_set_is_unchanged(page):
    filled, *results = page.fill("second", {}, "cat", None)
    assert results == [gr.skip(), gr.update(value="default"), "text"]
    assert page.fill("second", filled, "cat", "default") == [gr.skip()] * 4
    page.fill("second", filled, "cat", "other")
    assert page.calls == [("second", "cat", None), ("second", "cat", "other")]


def test_a_failed_fill_is_repeated(page):
    filled, *_ = page.fill("first", {}, "cat", None)
    for _ in range(2):
        with pytest.raises(gr.Error, match="no picture"):
            page.fill("first", filled, "bad", None)
    assert filled == {"first": ["cat"]}
