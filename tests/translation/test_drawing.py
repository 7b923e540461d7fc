import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.images import ImageError
from shared.networks.drawing import DrawingNetwork
from shared.translation.drawing import render as rendering
from shared.translation.drawing.lines import MAX_PIXELS, DrawingMapper, DrawingMaps, expose, working_size
from shared.translation.drawing.render import render
from shared.translation.drawing.sketcher import Sketcher
from shared.translation.drawing.styles import STYLES
from shared.translation.drawing.textures import TILE, grain, hatching, tiled
from shared.translation.engines import SKETCHERS

PAPER = rendering.PAPER


def maps_of(lines: np.ndarray, tone: np.ndarray) -> DrawingMaps:
    lines, tone = lines.astype(np.float32), tone.astype(np.float32)
    return DrawingMaps(lines, np.zeros_like(lines), np.zeros_like(lines), tone)


@pytest.fixture
def photo() -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((60, 45))


@pytest.fixture(scope="module")
def sketcher() -> Sketcher:
    torch.manual_seed(0)
    return Sketcher("drawing", DrawingMapper(DrawingNetwork().eval()))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [(1, 1), (60, 45), (3, 200)])
def test_drawing_has_the_size_of_the_photo(sketcher, photo, style, size):
    drawing = sketcher(photo.resize(size), style)
    assert drawing.image.size == size
    assert drawing.image.mode == "L"
    assert drawing.engine == "drawing"


def test_equal_calls_give_equal_drawings(sketcher, photo):
    assert sketcher(photo).image.tobytes() == sketcher(photo).image.tobytes()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"style": "oil"}, "pencil, ink, charcoal"),
        ({"detail": 3}, "detail must be a number in 0..2"),
        ({"darkness": "dark"}, "darkness must be a number in 0.3..2"),
        ({"darkness": float("nan")}, "received nan"),
    ],
)
def test_wrong_settings_are_refused(sketcher, photo, settings, text):
    with pytest.raises(ValueError, match=text):
        sketcher(photo, **settings)


def test_damaged_photo_is_refused(sketcher):
    with pytest.raises(ImageError):
        sketcher(b"no image")


def test_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="drawing"):
        Sketcher.load("crayon")
    assert next(iter(SKETCHERS)) == "drawing"


@pytest.mark.parametrize("style", STYLES)
def test_white_regions_stay_paper(style):
    blank = maps_of(np.zeros((40, 60)), np.ones((40, 60)))
    assert np.asarray(render(blank, (120, 80), style)).min() >= PAPER - 2


@pytest.mark.parametrize("style", STYLES)
def test_darker_tones_give_darker_drawings(style):
    ramp = np.broadcast_to(np.linspace(0, 1, 5).repeat(30), (60, 150))
    drawing = np.asarray(render(maps_of(np.zeros_like(ramp), ramp), (300, 120), style), float)
    means = drawing.reshape(120, 5, 60).mean((0, 2))
    assert (np.diff(means) >= 0).all()
    assert means[0] < 90
    assert means[-1] > 250


@pytest.mark.parametrize("style", STYLES)
def test_darkness_darkens(style):
    tone = np.full((50, 50), 0.35)
    light, dark = (
        np.asarray(render(maps_of(0 * tone, tone), (50, 50), style, darkness=d), float).mean()
        for d in (0.6, 1.4)
    )
    assert dark < light - 15


def test_bands_join_without_a_seam(monkeypatch):
    rng = np.random.default_rng(1)
    smooth = np.asarray(Image.fromarray(rng.random((6, 8), np.float32)).resize((80, 60)))
    maps = maps_of(np.clip(smooth * 2 - 1, 0, 1), smooth)
    whole = [np.asarray(render(maps, (203, 151), style), int) for style in STYLES]
    monkeypatch.setattr(rendering, "BAND_PIXELS", 203 * 17)
    parts = [np.asarray(render(maps, (203, 151), style), int) for style in STYLES]
    assert max(np.abs(a - b).max() for a, b in zip(whole, parts, strict=True)) <= 3


def test_lines_stay_crisp_when_enlarged():
    x = np.arange(100, dtype=np.float32)
    line = np.broadcast_to(np.exp(-((x - 50) ** 2) / 3), (40, 100))
    drawing = np.asarray(render(maps_of(line, np.ones((40, 100))), (800, 320), "ink"))
    row = drawing[160]
    undecided = (row > 60) & (row < 220)
    assert row.min() < 40
    assert undecided.sum() <= 6  # pixels at both borders of a line of about twenty


def test_detail_adds_strokes():
    outlines, strokes = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.float32)
    outlines[5], strokes[15] = 1, 0.5
    maps = DrawingMaps(outlines, strokes, strokes, np.ones((20, 20), np.float32))
    assert maps.lines(0)[15].max() == 0
    assert 0 < maps.lines(1)[15].max() < maps.lines(2)[15].max()
    assert all((maps.lines(detail)[5] == 1).all() for detail in (0, 1, 2))


def test_working_size_is_bounded():
    for size in [(4000, 3000), (50000, 1000), (100, 50), (640, 480)]:
        width, height = working_size(size)
        assert width * height <= MAX_PIXELS * 1.01
        assert max(width / size[0], height / size[1]) <= 1.51


def test_dark_photo_is_brightened_and_a_good_one_stays():
    ramp = np.linspace(0, 255, 256).astype(np.uint8)[None].repeat(8, 0)
    dark = Image.fromarray((ramp * 0.15).astype(np.uint8)).convert("RGB")
    assert np.asarray(expose(dark)).mean() > 2.5 * np.asarray(dark).mean()
    good = Image.fromarray(ramp).convert("RGB")
    assert np.abs(np.asarray(expose(good), int) - np.asarray(good, int)).max() <= 8


@pytest.mark.parametrize("texture", [grain(1.0), hatching(1.2, 50)])
def test_textures_are_uniform_and_periodic(texture):
    assert texture.shape == (TILE, TILE)
    assert np.allclose(np.quantile(texture, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)
    inside = np.abs(np.diff(texture, axis=1)).mean()
    assert np.abs(texture[:, 0] - texture[:, -1]).mean() < 1.5 * inside
    plane = tiled(texture, 1000, 100, 1500)
    assert np.array_equal(plane[:24, :24], texture[1000:, :24])
    assert np.array_equal(plane[24:, 1024:], texture[:76, :476])


def test_hatching_has_a_direction():
    texture = hatching(1.2, 0)
    along, across = np.abs(np.diff(texture, axis=1)).mean(), np.abs(np.diff(texture, axis=0)).mean()
    assert across > 4 * along
