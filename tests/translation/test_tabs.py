"""Tabs of the page: values of the pressed task, results, ways back, variants, many files, sample drawings."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio.context import Context
from PIL import Image, ImageChops

from shared.core.errors import InputError
from shared.translation.engines import EDITORS
from shared.translation.painting.styles import STYLES
from shared.translation.palettes import FACADES, STREETS
from shared.translation.result import Translation
from shared.translation.tabs.example_drawings import FACADE_DRAWINGS, STREET_DRAWINGS
from shared.translation.tabs.learned_panels import areas_editor, facade_editor, street_editor
from shared.translation.tabs.pictures import PICTURES, read_picture, sample_pictures
from shared.translation.tabs.results import (
    HINT,
    NO_VARIANTS,
    NO_WAY_BACK,
    ON_DEMAND,
    TRAINED_ON,
    UNFAMILIAR,
    caution,
    cycle_tab,
    result_tab,
    several_tab,
    side_by_side_tab,
)
from shared.translation.tabs.task_menu import EDITED, available_tasks
from shared.translation.tabs.task_panel import TaskPanel, TaskPanels
from shared.translation.tabs.translations import TRANSLATIONS, LearnedTranslation
from shared.translation.tasks import TASKS
from shared.translation.translator import Cycle
from shared.ui.long_runs import stop_file

EMPTY = [None, 0.5, None, "one"]  # no photo, its strength, no drawing, its kind


def darken(image, strength):
    """Multiply an image; a photo of one color is unlike the others."""
    familiarity = 0.9 if len(image.getcolors()) > 1 else 0.1
    return Translation(image.point(lambda value: value * strength), "darken", 0.25, familiarity)


def invert(image, kind):
    return Translation(ImageChops.invert(image), f"invert-{kind}", 0.5)


def invert_twice(image, kind):
    there = invert(image, kind)
    return Cycle(there, invert(there.image, kind), Image.new("L", image.size))


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """Path of a small photo in two colors."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    image = Image.new("RGB", (40, 30), "white")
    image.paste((200, 100, 50), (0, 0, 20, 30))
    image.save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


@pytest.fixture
def tasks():
    """Three tasks: one of a photo, one of a drawing with a way back, one with a button of its own."""
    with gr.Blocks():
        menu, image, drawing = gr.HTML("dark"), gr.Image(), gr.Image()
        strength, kind = gr.Slider(0, 1, 0.5), gr.Radio(["one", "two"], value="one")
        panels = {
            "dark": TaskPanel(image, [strength], darken, triggers=[strength.release]),
            "inverse": TaskPanel(
                drawing, [kind], invert, invert_twice, lambda _: [("One", ("one",)), ("Two", ("two",))]
            ),
            "words": TaskPanel(image),
        }
        yield TaskPanels(menu, panels, gr.Button())


def test_the_values_of_the_pressed_task_are_found(tasks):
    assert len(tasks.inputs) == 5
    task = tasks.parse("inverse", "a.png", 0.3, "b.png", "two")
    assert (task.name, task.path, task.settings) == ("inverse", "b.png", ["two"])
    task = tasks.parse("dark", 0.3, "two")
    assert (task.path, task.settings) == (None, [0.3])
    assert len(tasks.triggers) == 5


def test_a_result_is_shown_and_can_be_downloaded(tasks, photo):
    tab, _ = result_tab("translation", tasks)
    images, note, sentence, button = tab.fill("dark", photo, 0.5, None, "one")
    assert [Image.open(path).size for path in images] == [(40, 30)] * 2
    assert note == "40 × 30 pixels, 0.25 s"
    assert not sentence.visible
    path = Path(button.value["path"])
    assert path.name == "photo-dark.png"
    assert Image.open(path).getpixel((0, 0)) == (100, 50, 25)


def test_an_unfamiliar_image_carries_a_caution(tasks, photo):
    tab, _ = result_tab("translation", tasks)
    Image.new("RGB", (9, 9)).save(photo)
    sentence = tab.fill("dark", photo, 0.5, None, "one")[2]
    assert sentence.visible
    assert sentence.value == UNFAMILIAR


@pytest.mark.parametrize("name", TASKS)
def test_a_caution_says_what_the_networks_know(name):
    result = Translation(Image.new("RGB", (4, 2)), f"{name}-pix2pix", 0.25, familiarity=0.1)
    assert caution(result).value == f"{UNFAMILIAR} {TRAINED_ON[name]}"
    assert not caution(replace(result, familiarity=0.9)).visible


@pytest.mark.parametrize(("name", "note"), [("dark", HINT), ("inverse", HINT), ("words", ON_DEMAND)])
def test_without_an_image_there_is_a_hint(tasks, name, note):
    tab, _ = result_tab("translation", tasks)
    images, text, _, button = tab.fill(name, *EMPTY)
    assert (images, text, button.interactive) == (None, note, False)


def test_the_button_asks_for_a_missing_picture(tasks, photo):
    result_tab("translation", tasks)
    events = Context.root_block.fns.values()
    (require,) = (event.fn for event in events if event.name == "require_picture")
    with pytest.raises(gr.Error, match="There is no picture yet"):
        require("dark", *EMPTY)
    assert require("dark", photo, 0.5, None, "one") is None


def row_values(outputs):
    """Return the note, the images, and True if the row of images has a frame."""
    note, row = outputs
    return note, row["value"], row["visible"]


def test_there_and_back(tasks, photo):
    tab = cycle_tab("translation", tasks)
    _, row = tab.fill("inverse", None, 0.5, photo, "one")
    images = row["value"]
    assert row["visible"]
    assert [caption for _, caption in images] == ["The picture", "There", "And back", "Difference"]
    pixels = [np.asarray(Image.open(path).convert("RGB"), int) for path, _ in images]
    assert np.abs(pixels[0] - pixels[2]).max() < 8  # JPEG
    assert np.abs(pixels[0] - pixels[1]).max() > 200
    assert row_values(tab.fill("dark", photo, 0.5, None, "one")) == (NO_WAY_BACK, None, False)
    assert row_values(tab.fill("inverse", *EMPTY)) == (HINT, None, True)


def test_variants_are_side_by_side(tasks, photo):
    tab = side_by_side_tab("translation", tasks)
    _, row = tab.fill("inverse", None, 0.5, photo, "one")
    assert [caption for _, caption in row["value"]] == ["The picture", "One", "Two"]
    assert row_values(tab.fill("dark", photo, 0.5, None, "one")) == (NO_VARIANTS, None, False)
    assert row_values(tab.fill("inverse", *EMPTY)) == (HINT, None, True)


def test_many_files_become_a_zip(photo, monkeypatch):
    functions = []
    monkeypatch.setattr(
        "shared.translation.tabs.results.batch_tab", lambda function, *_: functions.append(function)
    )
    with gr.Blocks():
        menu, image, strength = gr.HTML("dark"), gr.Image(), gr.Slider(0, 1, 0.5)
        panels = {"dark": TaskPanel(image, [strength], darken), "words": TaskPanel(image)}
        several_tab("translation", TaskPanels(menu, panels, gr.Button()))
    (translate_files,) = functions
    path, outcomes = translate_files([photo, photo], "dark", 0.5, progress=gr.Progress())
    assert outcomes == [["photo.png", "photo.png"], ["photo.png", "photo-2.png"]]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["photo.png", "photo-2.png"]
    with pytest.raises(gr.Error, match="one picture at a time"):
        translate_files([photo], "words", 0.5, progress=gr.Progress())


def test_every_task_is_translated_in_both_directions():
    assert {(row.task, row.direction) for row in TRANSLATIONS.values()} == {
        (task, direction) for task in TASKS for direction in ("forward", "backward")
    }


def test_an_unknown_system_is_explained():
    with pytest.raises(InputError, match=r"networks for this task are .*received 'magic'"):
        LearnedTranslation("labels-to-facade", "", "facades", "forward").engine("magic")


@pytest.mark.parametrize(
    ("draw", "palette"),
    [(draw, FACADES) for draw in FACADE_DRAWINGS.values()]
    + [(draw, STREETS) for draw in STREET_DRAWINGS.values()],
)
def test_sample_drawings_have_the_colors_of_classes(draw, palette):
    image = draw()
    colors = {color for _, color in image.getcolors()}
    assert image.size == (256, 256)
    assert len(colors) > 4
    assert colors <= {*palette.classes.values(), *palette.void}


@pytest.mark.parametrize(("create", "colors"), [(facade_editor, 12), (street_editor, 20), (areas_editor, 16)])
def test_editors_have_a_brush_for_every_class(create, colors):
    with gr.Blocks():
        html = create().html_template
    assert html.count("data-color=") == colors


def test_the_stop_of_a_session_is_its_own():
    first, second = (gr.Request(session_hash=name) for name in ("a/../b", "c"))
    stop_file(first).set()
    try:
        assert stop_file(first).is_set()
        assert not stop_file(second).is_set()
        assert stop_file(first).path.parent.parent == stop_file(second).path.parent.parent
    finally:
        stop_file(first).clear()


def test_every_editor_has_a_task():
    assert {row.options.input_kind for row in EDITORS.values()} == {
        task.input_kind for task in EDITED.values()
    }


def test_tasks_and_styles_have_pictures():
    stems = [*available_tasks(), *(f"style-{name}" for name in STYLES if "paint" in available_tasks())]
    for stem in stems:
        assert min(Image.open(PICTURES / f"{stem}.webp").size) >= 120, stem


def test_a_task_without_a_picture_is_still_shown():
    assert Image.open(io.BytesIO(read_picture("nothing"))).size == (160, 120)
    assert sample_pictures("nothing-*") == []
    assert [path.stem for path in sample_pictures("grey-*")] == sorted(
        path.stem for path in PICTURES.glob("grey-*.webp")
    )
