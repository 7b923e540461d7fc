"""Edits by words on the page: the order of events, results, stops and errors."""

import gradio as gr
import pytest
from PIL import Image

from shared.core.errors import GenerationError, InputError, StoppedError
from shared.translation.engines import EDITORS
from shared.translation.result import Translation
from shared.translation.tabs.edit_panel import edit_panel
from shared.translation.tabs.edit_runs import connect_edits
from shared.translation.tabs.results import ResultView
from shared.translation.tabs.runners import EditValues, create_runners
from shared.translation.tabs.task_panel import TaskPanel, TaskPanels
from shared.ui.long_runs import stop_file

SETTINGS = ["flux2-klein", "make it winter", "snowmen", [], 3, 4, 0, 0.5, "mask.png"]
REQUEST = gr.Request(session_hash="visitor")


class Editor:
    """Editor that reports two steps, and remembers its call."""

    def __init__(self):
        self.calls = []

    def __call__(self, image, engine, prompt, values, *, progress, stop):
        self.calls.append((image.size, engine, prompt, values))
        for step in (1, 2):
            if stop.is_set():
                raise StoppedError("Stopped: no picture was made.")
            progress(step, 2)
        if prompt == "fail":
            raise GenerationError("This device ran out of memory.")
        if prompt == "stop":
            stop.set()
            raise StoppedError("Stopped: no picture was made.")
        return Translation(image, engine, 1.5)


@pytest.fixture
def editor():
    return Editor()


@pytest.fixture
def events(editor, tmp_path, monkeypatch):
    """Functions of the page by name, in the order of the events."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with gr.Blocks() as demo:
        menu, image = gr.HTML("edit"), gr.Image()
        panel = TaskPanel(image, edit=edit_panel(EDITORS, "What to change", ("make it winter",), image))
        tasks = TaskPanels(menu, {"edit": panel}, gr.Button())
        connect_edits("translation", tasks, editor, ResultView())
    return [event for event in demo.fns.values() if event.fn is not None]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), "teal").save(path)
    return str(path)


def edit_function(events):
    (function,) = (event.fn for event in events if event.name == "edit_image")
    return function


def test_the_buttons_change_before_and_after_a_run(events):
    names = [event.name for event in events]
    run = names.index("edit_image")
    before, success, failure = events[run - 1], events[run + 1], events[run + 2]
    assert [button.interactive for button in before.fn()] == [False, True]
    assert events[run].trigger_after == before._id
    assert (success.trigger_only_on_success, failure.trigger_only_on_failure) == (True, True)
    for after in (success, failure):
        assert [button.interactive for button in after.fn()] == [True, False]
        assert after.trigger_after == events[run]._id


def test_an_edit_is_shown_and_can_be_downloaded(events, editor, photo):
    images, note, _, button = edit_function(events)(photo, *SETTINGS, REQUEST)
    assert [Image.open(path).size for path in images] == [(40, 30)] * 2
    assert note == "40 × 30 pixels, 1.50 s"
    assert button.value["path"].endswith("photo-edited.png")
    values = EditValues("snowmen", [], 3, 4, 0, 0.5, "mask.png")
    assert editor.calls == [((40, 30), "flux2-klein", "make it winter", values)]


def test_fields_that_were_never_filled_are_none(events, editor, photo):
    settings = ["flux2-klein", None, None, None, None, None, None, None, None]
    assert edit_function(events)(photo, *settings, REQUEST)[0]
    ((_, _, prompt, values),) = editor.calls
    assert prompt == ""
    assert values.arguments() == EditValues().arguments()


def test_a_stop_is_no_error(events, photo):
    settings = ["flux2-klein", "stop", *SETTINGS[2:]]
    images, note, _, button = edit_function(events)(photo, *settings, REQUEST)
    assert (images, note, button.interactive) == (None, "Stopped: no picture was made.", False)
    assert not stop_file(REQUEST).is_set()


def test_the_stop_button_reaches_the_run_of_its_session(events):
    (ask,) = (event.fn for event in events if event.name == "ask_to_stop")
    ask(REQUEST)
    try:
        assert stop_file(REQUEST).is_set()
    finally:
        stop_file(REQUEST).clear()


def test_an_old_stop_does_not_end_a_new_run(events, editor, photo):
    stop_file(REQUEST).set()
    assert edit_function(events)(photo, *SETTINGS, REQUEST)[0]
    assert len(editor.calls) == 1


def test_errors_are_one_sentence(events, photo):
    edit = edit_function(events)
    with pytest.raises(gr.Error, match="no picture yet"):
        edit(None, *SETTINGS, REQUEST)
    with pytest.raises(gr.Error, match="ran out of memory"):
        edit(photo, "flux2-klein", "fail", *SETTINGS[2:], REQUEST)


def test_nothing_is_downloaded_for_settings_that_an_engine_lacks():
    edit = create_runners().edit
    image = Image.new("RGB", (40, 30))
    with pytest.raises(InputError, match="takes no mask: please remove it"):
        edit(image, "controlnet-scribble", "a house", EditValues(mask="mask.png"))
    with pytest.raises(InputError, match="no words yet"):
        edit(image, "flux2-klein", " ", EditValues())
    with pytest.raises(InputError, match="number of steps must be from 1 to 12, received 50"):
        edit(image, "flux2-klein", "a house", EditValues(steps=50))


def test_a_mask_is_for_photos_only(photo):
    with gr.Blocks():
        image = gr.Image()
        with_photo, without = (edit_panel(EDITORS, "Words", ("snow",), source) for source in (image, None))
    assert "is-mask" in with_photo.settings.mask.html_template
    assert without.settings.mask.value is None
