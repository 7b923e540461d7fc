"""Menus with pictures and the drawing editor: their HTML, their values, and the panels of a menu."""

import re

import gradio as gr
import pytest
from PIL import Image

from shared.core.images import encode_image
from shared.ui.components.drawing_editor import Brush, Canvas, drawing_editor, mask_editor
from shared.ui.components.picture_menu import PictureChoice, open_panels, panel, picture_menu
from shared.ui.gradio_workarounds import new_cache_path

PICTURE = encode_image(Image.new("RGB", (600, 400), "teal"))
CHOICES = [
    PictureChoice("ink", "Ink & pen", PICTURE, "Black <lines>"),
    PictureChoice("oil", "Oil", PICTURE, "Thick strokes"),
]
WALL, WINDOW = Brush("Wall", (0, 48, 255)), Brush("Window", (0, 128, 255))


def test_the_menu_is_a_button_with_a_picture_for_each_choice():
    with gr.Blocks():
        menu = picture_menu(CHOICES, "Task", "oil")
    assert menu.value == "oil"
    assert re.findall(r'data-name="(\w+)"[^>]*aria-pressed="(\w+)"', menu.html_template) == [
        ("ink", "false"),
        ("oil", "true"),
    ]
    assert "<b>Ink &amp; pen</b><small>Black &lt;lines&gt;</small>" in menu.html_template
    assert menu.html_template.count('src="data:image/webp;base64,') == 2


def test_a_small_menu_shows_texts_in_tooltips_only():
    with gr.Blocks():
        menu = picture_menu(CHOICES, "Style", small=True)
    assert menu.value == "ink"
    assert "<small>" not in menu.html_template
    assert 'title="Thick strokes"' in menu.html_template


def test_panels_are_closed_until_their_choice_is_pressed():
    with gr.Blocks() as demo:
        menu = picture_menu(CHOICES, "Task")
        with panel(menu, "ink") as ink, panel(menu, "oil") as oil, panel(menu, "ink", "oil") as both:
            open_panels(menu)
    assert "is-closed" not in ink.elem_classes + both.elem_classes
    assert "is-closed" in oil.elem_classes
    (event,) = demo.fns.values()
    assert "is-for-" in event.js
    assert event.fn is None


def test_the_editor_has_a_named_button_for_each_brush():
    with gr.Blocks():
        examples = [("A <hut>", Image.new("RGB", (60, 40)))]
        editor = drawing_editor("House", Canvas((60, 40), WALL), [WINDOW, WALL], examples)
    html = editor.html_template
    assert re.findall(r'data-color="(\S+)" aria-pressed="(\w+)">.*?</i>(\w+)<', html) == [
        ("#0080ff", "true", "Window"),
        ("#0030ff", "false", "Wall"),
    ]
    assert re.findall(r'data-tool="(\w+)"', html) == ["box", "brush", "fill"]
    assert re.findall(r'data-action="(\w+)"', html) == ["undo", "redo", "clear", "open"]
    assert '<canvas width="60" height="40"' in html
    assert 'data-empty="#0030ff"' in html
    assert 'alt="A &lt;hut&gt;"' in html


def test_the_editor_of_a_mask_lies_over_the_photo():
    with gr.Blocks() as demo:
        photo = gr.Image()
        editor = mask_editor(photo, "The <part>", "Paint it.")
    html = editor.html_template
    assert re.findall(r'data-tool="(\w+)"', html) == ["brush", "erase"]
    assert re.findall(r'data-action="(\w+)"', html) == ["undo", "redo", "clear"]
    assert 'aria-label="The &lt;part&gt;"' in html
    assert "<summary>The &lt;part&gt; <small>" in html
    (event,) = demo.fns.values()
    assert event.targets[0][0] == photo._id
    assert ".is-mask" in event.js


def test_the_value_is_the_path_of_an_upload():
    with gr.Blocks():
        editor = drawing_editor("House", Canvas((60, 40), WALL), [WINDOW, WALL])
    path = new_cache_path("drawing.png")
    path.write_bytes(PICTURE)
    assert editor.preprocess(None) is None
    assert editor.preprocess(str(path)) == str(path)


@pytest.mark.parametrize("secret", [__file__, "/etc/passwd", "../app.py"])
def test_other_files_are_not_read(secret):
    with gr.Blocks():
        editor = drawing_editor("House", Canvas((60, 40), WALL), [WALL])
    with pytest.raises(gr.Error, match="other paths are not read"):
        editor.preprocess(secret)
