"""Stylizer: names and images as styles, strength, colors, large images."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.weights import WeightsError, save
from shared.networks.instance_norm import ConditionalInstanceNorm2d
from shared.networks.style import StyleNetwork
from shared.translation.engines import STYLIZERS
from shared.translation.painting import backend
from shared.translation.painting.backend import StyleBackend
from shared.translation.painting.styles import DEFAULT_STYLE, STYLES
from shared.translation.painting.stylizer import Stylizer
from shared.translation.whole_image import WholeImageSettings
from tests.predictors import PredictorTests, astronaut


def style_network(styles=26):
    torch.manual_seed(0)
    network = StyleNetwork(styles=styles, channels=(4, 6, 8), blocks=(1, 1, 1)).eval()
    for module in network.modules():
        if isinstance(module, ConditionalInstanceNorm2d):
            torch.nn.init.normal_(module.affine.weight, std=0.05)
    return network


@pytest.fixture(scope="module")
def predictor():
    return Stylizer("styles", StyleBackend(style_network()))


def pixels(result):
    return np.asarray(result.image, dtype=float)


class TestStylizer(PredictorTests):
    predictor_class = Stylizer
    engines = STYLIZERS

    def check(self, result, size):
        assert result.image.size == size
        assert result.image.mode == "RGB"

    def values(self, result):
        return [pixels(result)]


def test_styles_differ(predictor):
    image = astronaut(96, 64)
    first, second = (pixels(predictor(image, name)) for name in ("morning", "storm"))
    assert np.abs(first - second).mean() > 2
    assert DEFAULT_STYLE in STYLES


def test_an_image_is_a_style(predictor):
    image = astronaut(96, 64)
    red, noise = Image.new("RGB", (40, 90), "red"), Image.effect_noise((50, 50), 90).convert("RGB")
    assert (pixels(predictor(image, red)) != pixels(predictor(image, noise))).any()


def test_strength_leads_from_the_image_to_the_painting(predictor):
    image = astronaut(60, 40)
    original, painting = np.asarray(image, dtype=float), pixels(predictor(image))
    np.testing.assert_array_equal(pixels(predictor(image, strength=0)), original)
    half = pixels(predictor(image, strength=0.5))
    np.testing.assert_allclose(half, (original + painting) / 2, atol=1.5)


def test_colors_are_kept_on_request(predictor):
    image = Image.new("RGB", (64, 48), (180, 90, 60))
    image.paste((60, 160, 90), (0, 0, 30, 48))
    painting = predictor(image, keep_colors=True).image.convert("YCbCr")
    chroma, expected = (np.asarray(x.convert("YCbCr"), dtype=float)[..., 1:] for x in (painting, image))
    # Where the luma leaves room for the chroma in RGB.
    room = np.asarray(painting.convert("RGB"))
    inside = ((room > 2) & (room < 253)).all(-1)
    np.testing.assert_allclose(chroma[inside], expected[inside], atol=3)


def test_tiles_of_a_large_image_agree_with_the_whole(predictor, monkeypatch):
    image = astronaut(640, 480)
    whole = pixels(predictor(image))
    tiled_settings = WholeImageSettings(max_pixels=180_000, overlap=192, multiple=8)
    monkeypatch.setattr(backend, "SETTINGS", tiled_settings)
    assert np.abs(pixels(predictor(image)) - whole).mean() < 4  # of 255: statistics of a smaller thumbnail


def test_a_wider_brush_leaves_less_detail(predictor):
    image = astronaut(200, 120)
    narrow, wide = (pixels(predictor(image, brush=brush)) for brush in (1, 4))
    assert narrow.shape == wide.shape
    assert np.abs(np.diff(wide, axis=1)).mean() < np.abs(np.diff(narrow, axis=1)).mean() / 2


@pytest.mark.parametrize("brush", [0.5, 5, float("inf"), "wide"])
def test_a_wrong_brush_is_named(predictor, brush):
    with pytest.raises(ValueError, match="brush"):
        predictor(astronaut(40, 40), brush=brush)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan"), "much", None])
def test_a_wrong_strength_is_named(predictor, strength):
    with pytest.raises(ValueError, match="strength"):
        predictor(astronaut(40, 40), strength=strength)


def test_an_unknown_style_is_named(predictor):
    with pytest.raises(ValueError, match="nachtwacht"):
        predictor(astronaut(40, 40), "nachtwacht")


def test_weights_with_another_number_of_styles_are_refused(tmp_path):
    save(style_network(styles=3), tmp_path)
    with pytest.raises(WeightsError, match="26 styles"):
        Stylizer.load(folder=tmp_path)
