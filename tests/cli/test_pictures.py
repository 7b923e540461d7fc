"""Commands that make pictures, with the weights of the project."""

import json
import re

import numpy as np
import pytest
from PIL import Image


def is_grey(image: Image.Image) -> bool:
    channels = np.asarray(image.convert("RGB")).astype(int)
    return bool(np.ptp(channels, axis=2).mean() < 2)


def test_edges_are_drawn_at_the_size_of_the_photo(run, folder):
    result = run("edges", "cat.jpg")
    assert (result.code, result.lines, result.errors) == (0, ["cat.edges.png"], "")
    drawing = Image.open(folder / "cat.edges.png")
    assert (drawing.mode, drawing.size) == ("L", Image.open(folder / "cat.jpg").size)
    assert 0 < np.asarray(drawing).mean() < 128  # white lines on black


def test_edges_are_drawn_as_svg_by_the_ending_of_the_file(run, folder):
    assert run("edges", "cat.jpg", "--engine", "canny", "-o", "drawings/cat.svg").code == 0
    text = (folder / "drawings" / "cat.svg").read_text()
    assert re.search(r'<svg .* viewBox="0 0 451 300">', text)


def test_options_change_the_drawing(run):
    result = run(
        "edges", "cat.jpg", "--engine", "canny", "--thin", "--style", "black on white", "-o", "thin.png"
    )
    assert result.code == 0
    assert set(np.unique(np.asarray(Image.open("thin.png")))) == {0, 255}
    assert np.asarray(Image.open("thin.png")).mean() > 128


def test_a_photo_is_drawn_in_pencil(run):
    assert run("draw", "cat.jpg", "--format", "jpg").lines == ["cat.drawing.jpg"]
    drawing = Image.open("cat.drawing.jpg")
    assert (drawing.format, drawing.size) == ("JPEG", (451, 300))
    assert is_grey(drawing)


def test_a_photo_is_painted_in_a_style_or_that_of_a_picture(run):
    assert run("paint", "cat.jpg", "--style", "watercolor", "--json").code == 0
    assert run("paint", "cat.jpg", "--style-image", "lion.jpg", "-o", "lion-style.webp").code == 0
    photo, watercolor, lion = (
        np.asarray(Image.open(name).convert("RGB")).astype(float)
        for name in ("cat.jpg", "cat.painting.png", "lion-style.webp")
    )
    assert photo.shape == watercolor.shape == lion.shape
    assert min(abs(photo - watercolor).mean(), abs(photo - lion).mean(), abs(lion - watercolor).mean()) > 5


def test_a_grey_photo_gets_colors_and_keeps_its_lightness(run):
    Image.open("lion.jpg").convert("L").save("grey.png")
    assert run("colorize", "grey.png").lines == ["grey.color.png"]
    colored = Image.open("grey.color.png")
    assert not is_grey(colored)
    assert abs(np.asarray(colored.convert("L")).astype(int) - np.asarray(Image.open("grey.png"))).mean() < 8


def test_a_drawing_gets_colors(run):
    assert run("draw", "lion.jpg", "-o", "sketch.png").code == 0
    assert run("colorize", "sketch.png", "--kind", "drawing").code == 0
    assert not is_grey(Image.open("sketch.color.png"))


def test_the_subject_is_cut_out_and_put_on_a_background(run):
    assert run("cutout", "cat.jpg").lines == ["cat.cutout.png"]
    cutout = Image.open("cat.cutout.png")
    alpha = np.asarray(cutout.getchannel("A"))
    assert (cutout.mode, cutout.size) == ("RGBA", (451, 300))
    assert alpha[150, 225] == 255  # the face of the cat
    assert alpha[5, 5] == 0
    assert run("cutout", "cat.jpg", "--background", "#0000ff", "-o", "blue.jpg").code == 0
    assert np.asarray(Image.open("blue.jpg"))[5, 5].tolist() == pytest.approx([0, 0, 255], abs=6)


def test_json_tells_about_each_picture(run):
    result = run("edges", "cat.jpg", "coffee.jpg", "--engine", "canny", "--json", "-o", "out")
    cat, coffee = map(json.loads, result.lines)
    assert (cat["path"], cat["engine"], cat["size"]) == ("cat.jpg", "canny", [451, 300])
    assert coffee["output"] == "out/coffee.edges.png"
    assert re.search(r"2 pictures drawn in [\d.]+ s", result.errors)
