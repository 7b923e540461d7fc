import io

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.core.tiling import working_size
from shared.matting.matte import Matte
from shared.matting.subject import MAX_SIDE, WORKING_SIDE
from tests.matting.conftest import disc, mixed


@pytest.fixture
def matte() -> Matte:
    alpha = disc(120, 80, 30)
    levels = Image.fromarray(np.rint(alpha * 255).astype(np.uint8))
    return Matte(mixed(alpha, (200, 30, 30), (20, 20, 220)), levels, 0.3, 0.98765, 0.12345)


def test_cutout_has_alpha_and_the_colors_of_the_subject(matte):
    cutout = matte.cutout()
    assert cutout.mode == "RGBA"
    assert cutout.size == matte.image.size
    assert cutout.getchannel("A").tobytes() == matte.alpha.tobytes()
    assert cutout.getpixel((60, 40)) == (200, 30, 30, 255)


@pytest.mark.parametrize("background", ["#ffee00", "yellow", (255, 238, 0)])
def test_composite_shows_the_color_around_the_subject(matte, background):
    scene = np.asarray(matte.composite(background), int)
    assert scene[0, 0, 0] == 255
    assert scene[0, 0, 2] == 0
    assert scene[40, 60].tolist() == [200, 30, 30]
    assert scene[..., 2].max() <= 40  # no blue of the old background at the border


def test_composite_covers_with_an_image_of_any_shape(matte):
    wide = Image.new("RGB", (300, 50), "white")
    wide.paste("black", (0, 0, 60, 50))  # outside the middle
    scene = matte.composite(wide)
    assert scene.size == matte.image.size
    assert scene.getpixel((0, 0)) == (255, 255, 255)


def test_unknown_color_is_refused(matte):
    with pytest.raises(ValueError, match="ultrabeige"):
        matte.composite("ultrabeige")


def test_matte_describes_and_saves_itself(matte):
    assert matte.as_dict() == {
        "width": 120,
        "height": 80,
        "coverage": 0.3,
        "confidence": 0.988,
        "seconds": 0.123,
    }
    (suffix, data), *others = matte.files().items()
    assert suffix == ".png"
    assert not others
    assert Image.open(io.BytesIO(data)).mode == "RGBA"


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (120, 90)])
def test_predictor_returns_mattes_of_the_size_of_the_image(untrained, size):
    matte = untrained(Image.new("RGB", size, "gray"))
    assert matte.alpha.size == matte.image.size == size
    assert 0 <= matte.coverage <= 1
    assert 0 <= matte.confidence <= 1


def test_equal_calls_give_equal_mattes(untrained):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8))
    assert untrained(image).alpha.tobytes() == untrained(image).alpha.tobytes()


def test_mirrored_image_has_the_mirrored_probability(untrained):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8))
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    difference = untrained.probability(image) - untrained.probability(mirrored)[:, ::-1]
    assert np.abs(difference).max() < 0.02


def test_damaged_photo_is_refused(untrained):
    with pytest.raises(ImageError):
        untrained(b"no image")


@pytest.mark.parametrize("size", [(4000, 3000), (100, 100), (300, 900)])
def test_working_size_keeps_the_shape(size):
    width, height = working_size(size, WORKING_SIDE, MAX_SIDE)
    assert width % 32 == height % 32 == 0
    assert width * height == pytest.approx(WORKING_SIDE**2, rel=0.2)
    assert width / height == pytest.approx(size[0] / size[1], rel=0.25)
