"""New backgrounds: the subject stays, borders have no halo, all kinds of backgrounds."""

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.restyle.background import Blur, Gradient, swap_background
from tests.restyle.pictures import cloth_photo


@pytest.fixture(scope="module")
def photo():
    return cloth_photo((200, 30, 40), background=(40, 200, 60), noise=0)


@pytest.mark.parametrize(
    "background",
    ["#ffffff", (10, 20, 30), Gradient("navy", "white"), Blur(0.03), Image.new("RGB", (900, 100), "gray")],
    ids=["text", "color", "gradient", "blur", "image"],
)
def test_subject_stays(photo, background):
    image, mask, _ = photo
    result = swap_background(image, mask, background)
    inside = np.asarray(mask) == 255
    assert result.size == image.size
    assert np.array_equal(np.asarray(result)[inside], np.asarray(image)[inside])


def test_border_holds_nothing_of_the_old_background(photo):
    image, mask, _ = photo
    result = np.asarray(swap_background(image, mask, "white")).astype(int)
    border = (np.asarray(mask) > 0) & (np.asarray(mask) < 255)
    assert (result[border][:, 1] <= result[border][:, 0] + 10).all()  # green was the background
    assert (result[np.asarray(mask) == 0] == 255).all()


def test_blur_holds_nothing_of_the_subject(photo):
    image, mask, _ = photo
    result = np.asarray(swap_background(image, mask, Blur(0.05))).astype(int)
    outside = result[np.asarray(mask) == 0]
    assert (outside[:, 0] < outside[:, 1] - 100).all()


def test_foreground_of_a_matting_model_is_used(photo):
    image, mask, _ = photo
    blue = Image.new("RGBA", image.size, (0, 0, 255, 255))
    result = np.asarray(swap_background(image, mask, "black", foreground=blue))
    border = (np.asarray(mask) > 60) & (np.asarray(mask) < 255)
    assert (result[border][:, :2] == 0).all()
    assert (result[border][:, 2] > 50).all()


def test_photo_is_cropped_not_squeezed(photo):
    image, mask, _ = photo
    wide = Image.new("RGB", (900, 320), "blue")
    wide.paste("red", (0, 0, 200, 320))
    result = np.asarray(swap_background(image, mask, wide))
    assert (result[0, :, 2] == 255).all()


def test_light_moves_towards_the_background(photo):
    image, mask, _ = photo
    inside = np.asarray(mask) == 255
    levels = [np.asarray(swap_background(image, mask, "black", light=x))[inside].mean() for x in (0, 1)]
    assert levels[0] - 40 < levels[1] < levels[0] - 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"background": "nothing"}, "a color must be"),
        ({"background": Image.new("L", (3, 3))}, "mode RGB"),
        ({"light": 2}, "match of the light"),
        ({"foreground": Image.new("RGB", (1, 1))}, "foreground must have"),
    ],
)
def test_bad_arguments(photo, arguments, message):
    image, mask, _ = photo
    with pytest.raises(ValueError, match=message):
        swap_background(**{"image": image, "mask": mask, "background": "white", **arguments})


def test_bad_settings_and_masks(photo):
    image, mask, _ = photo
    with pytest.raises(ValueError, match="blur must be a number"):
        Blur(1)
    with pytest.raises(ValueError, match="a color must be"):
        Gradient("navy", "no color")
    with pytest.raises(ImageError, match="size of the photo"):
        swap_background(image, mask.resize((5, 5)), "white")
