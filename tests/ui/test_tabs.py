"""Tabs that are filled only while they are open."""

from types import SimpleNamespace

import gradio as gr
import pytest

from shared.ui.tabs import LazyTab, load_open_tab


@pytest.fixture
def page():
    """Two tabs of one page; `fill` is what the server does at an event."""
    calls = []

    def first(photo):
        if photo == "bad":
            raise gr.Error("This is no picture.", print_exception=False)
        calls.append(("first", photo))
        return [f"first {photo}"]

    def second(photo, choice):
        calls.append(("second", photo, choice))
        return [gr.update(value=choice or "default"), "seen"]

    with gr.Blocks() as demo:
        photo = gr.Textbox()
        with gr.Tabs() as tabs:
            with gr.Tab("First", elem_id="first") as tab:
                one = LazyTab(tab, first, [photo], [gr.Textbox()])
            with gr.Tab("Second", elem_id="second") as tab:
                choice = gr.Dropdown(["default", "other"])
                two = LazyTab(tab, second, [photo, choice], [choice, gr.Textbox()], [choice.input])
        load_open_tab(tabs, [one, two], [photo.change])
    (event,) = demo.fns.values()
    return SimpleNamespace(demo=demo, event=event, fill=event.fn, calls=calls)


def test_one_event_for_all(page):
    assert [name for _, name in page.event.targets] == ["select", "change", "input"]
    assert '"first", "second"' in page.event.js.replace("'", '"')


def test_only_the_open_tab_is_filled(page):
    seen, *results = page.fill("first", {}, "cat", None)
    assert page.calls == [("first", "cat")]
    assert results == ["first cat", gr.skip(), gr.skip()]
    assert seen == {"first": ["cat"]}


def test_no_tab_of_ours_is_open(page):
    assert page.fill("", {}, "cat", None) == [gr.skip()] * 4
    assert page.calls == []


def test_the_same_is_not_made_again(page):
    seen, *_ = page.fill("first", {}, "cat", None)
    assert page.fill("first", seen, "cat", "other") == [gr.skip()] * 4
    page.fill("first", seen, "dog", None)
    assert page.calls == [("first", "cat"), ("first", "dog")]


def test_a_menu_that_was_set_is_no_news(page):
    seen, *results = page.fill("second", {}, "cat", None)
    assert results == [gr.skip(), gr.update(value="default"), "seen"]
    assert page.fill("second", seen, "cat", "default") == [gr.skip()] * 4
    page.fill("second", seen, "cat", "other")
    assert page.calls == [("second", "cat", None), ("second", "cat", "other")]


def test_after_a_failure_it_is_tried_again(page):
    seen, *_ = page.fill("first", {}, "cat", None)
    for _ in range(2):
        with pytest.raises(gr.Error, match="no picture"):
            page.fill("first", seen, "bad", None)
    assert seen == {"first": ["cat"]}
