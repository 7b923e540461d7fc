import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from shared.networks.drawing import ColoringNetwork
from shared.translation.colorization.backend import ColorizationBackend
from shared.translation.drawing.color_map import ColoringMapper, ColorMap
from shared.translation.drawing.coloring import SketchColorizer, compose, whiten
from shared.translation.engines import SKETCH_COLORIZERS


class Orange(ColorizationBackend):
    """Model that sees an orange in everything."""

    def chroma(self, lightness: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.float32([20, 40]), (*lightness.shape, 2))


@pytest.fixture(scope="module")
def colorizer() -> SketchColorizer:
    torch.manual_seed(0)
    return SketchColorizer("coloring", ColoringMapper(ColoringNetwork().eval(), Orange()))


@pytest.fixture
def drawing() -> Image.Image:
    sheet = Image.new("L", (300, 200), 205)
    ImageDraw.Draw(sheet).ellipse((60, 40, 220, 160), outline=40, width=3)
    return sheet


@pytest.mark.parametrize("size", [(1, 1), (300, 200), (5, 700)])
def test_result_has_the_size_of_the_drawing(colorizer, drawing, size):
    colored = colorizer(drawing.resize(size))
    assert colored.image.size == size
    assert colored.image.mode == "RGB"


def test_no_saturation_is_grey(colorizer, drawing):
    pixels = np.asarray(colorizer(drawing, saturation=0.0).image, int)
    assert (pixels.max(2) - pixels.min(2)).max() <= 1


def test_colors_are_those_of_the_colorization_model(colorizer, drawing):
    red, _, blue = np.asarray(colorizer(drawing).image, float).mean((0, 1))
    assert red > blue + 20


def test_lines_of_the_drawing_stay(drawing):
    white = whiten(drawing)
    flat = ColorMap(Image.new("RGB", (150, 100), (180, 180, 180)), np.full((100, 150), 0.95, np.float32))
    without, visible = (np.asarray(compose(white, flat, 1.0, lines), int) for lines in (0.0, 1.0))
    row = np.asarray(white, int)[100]
    line = row.argmin()
    assert visible[100, line].mean() < without[100, line].mean() - 100


def test_grey_paper_becomes_white(drawing):
    levels = np.asarray(whiten(drawing))
    assert levels[0, 0] == 255
    assert levels.min() < 30
    empty = Image.new("L", (20, 20), 200)
    assert whiten(empty).tobytes() == empty.tobytes()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"saturation": 9}, "saturation must be a number in 0..3"),
        ({"lines": -1}, "lines must be a number in 0..1"),
    ],
)
def test_wrong_settings_are_refused(colorizer, drawing, settings, text):
    with pytest.raises(ValueError, match=text):
        colorizer(drawing, **settings)


def test_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="coloring"):
        SketchColorizer.load("crayon")
    assert list(SKETCH_COLORIZERS) == ["coloring"]
