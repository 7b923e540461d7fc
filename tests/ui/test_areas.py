"""Editors of areas, pickers of regions, menus of colors: HTML, updates, and areas after changes."""

import base64
import io
import re

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.ui.components.area_editor import UNCHANGED, area_editor, change_area, show_area
from shared.ui.components.color_menu import color_menu
from shared.ui.components.region_picker import (
    SIDE,
    Region,
    number_map,
    parse_regions,
    region_picker,
    show_regions,
)
from shared.ui.components.results import file_url


def opened(url):
    """Return the image of a data URL."""
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def rectangle(size, box):
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    return mask


def test_an_editor_of_an_area_adds_erases_and_starts_again():
    with gr.Blocks():
        editor = area_editor("The <outline>", "Paint it.")
    html = editor.html_template
    assert re.findall(r'data-tool="(\w+)" aria-label="(\w+)"', html) == [("brush", "Add"), ("erase", "Erase")]
    assert re.findall(r'data-action="(\w+)" title="([\w ]+)"', html)[-1] == ("clear", "Start again")
    assert "<summary>The &lt;outline&gt; <small>changed by hand" in html
    assert editor.props == {"base": None}


def test_an_editor_shows_an_area_at_moderate_size():
    update = show_area("photo.jpg", Image.new("L", (3000, 1500), 255))
    assert update["value"] is None
    assert update["base"]["photo"] == "photo.jpg"
    assert opened(update["base"]["area"]).size == (800, 400)
    assert show_area()["base"] is None


def test_changes_of_an_area_leave_the_rest_as_it_is(tmp_path):
    area = Image.fromarray(np.linspace(0, 255, 200 * 100).astype(np.uint8).reshape(100, 200))
    changes = np.full((50, 100, 3), UNCHANGED, np.uint8)
    changes[:10, :20], changes[-10:, -20:] = 255, 0
    path = str(tmp_path / "changes.png")
    Image.fromarray(changes).save(path)
    levels, original = np.asarray(change_area(area, path)), np.asarray(area)
    assert (levels[:18, :38] == 255).all()
    assert (levels[-18:, -38:] == 0).all()
    assert (levels[24:76] == original[24:76]).all()
    assert change_area(area, None) is area


def test_changes_that_are_no_picture_are_an_error(tmp_path):
    path = tmp_path / "changes.png"
    path.write_text("no picture")
    with pytest.raises(ImageError):
        change_area(Image.new("L", (4, 4)), str(path))


def test_a_picker_shows_regions_and_their_numbers():
    with gr.Blocks():
        picker = region_picker("Garments", "Press one.")
    assert picker.props == {"base": None}
    regions = [
        Region("1:top", "Top", rectangle((2000, 1000), (0, 0, 1000, 1000)), 1),
        Region("1:bag", "Bag", rectangle((2000, 1000), (400, 400, 600, 600)), 1),
    ]
    update = show_regions("photo.jpg", regions, ["1:bag"])
    assert update["value"] == "1:bag"
    assert update["base"]["regions"][0] == {"name": "1:top", "title": "Top", "person": 1}
    numbers = opened(update["base"]["numbers"])
    assert numbers.size == (SIDE, SIDE // 2)
    assert numbers.getpixel((SIDE // 4, SIDE // 4)) == 2  # the small one lies above the large one
    assert numbers.getpixel((10, 10)) == 1
    assert numbers.getpixel((SIDE - 10, 10)) == 0
    assert np.array_equal(np.asarray(numbers), np.asarray(number_map(regions)))


def test_a_picker_without_regions_is_hidden():
    assert show_regions(None)["base"] is None
    assert show_regions("photo.jpg", [])["base"] is None


@pytest.mark.parametrize(
    ("value", "names"), [(None, []), ("", []), ("1:top", ["1:top"]), ("a,b", ["a", "b"])]
)
def test_the_value_of_a_picker_is_names(value, names):
    assert parse_regions(value) == names


def test_a_menu_of_colors_has_a_button_for_each_and_an_input_for_others():
    with gr.Blocks() as demo:
        picker = color_menu({"Navy": "#1b2a49", "Red & hot": "#b3202a"}, "Color")
    assert picker.value == "#1b2a49"
    menu = next(block for block in demo.blocks.values() if isinstance(block, gr.HTML))
    assert re.findall(r'data-name="(\S+)" title="([^"]+)".*?aria-pressed="(\w+)"', menu.html_template) == [
        ("#1b2a49", "Navy", "true"),
        ("#b3202a", "Red &amp; hot", "false"),
    ]
    assert [event.js for event in demo.fns.values()] == ["color => color"] * 2


def test_addresses_of_files_are_quoted():
    assert file_url("folder/a b.jpg") == "gradio_api/file=folder/a%20b.jpg"
