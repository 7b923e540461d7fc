"""Colorization of images: lightness, gamut, sizes, borders, settings, errors."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab

from shared.core.images import ImageError
from shared.networks.colorization import Colorization
from shared.translation.colorization.backend import ColorizationBackend
from shared.translation.colorization.colorizer import Colorizer
from shared.translation.colorization.lab import image_of, lightness_of
from shared.translation.colorization.network_backend import NetworkBackend, upsample_chroma, working_size


class Halves(ColorizationBackend):
    """Colors the left half red and the right half blue, far outside sRGB."""

    def chroma(self, lightness):
        chroma = np.zeros((*lightness.shape, 2), np.float32)
        chroma[:, : lightness.shape[1] // 2] = (90, 60)
        chroma[:, lightness.shape[1] // 2 :] = (30, -90)
        return chroma


@pytest.fixture(scope="module")
def photo():
    return Image.fromarray(data.coffee()).resize((300, 200))


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    network = Colorization(scale=0, colors=8, channels=8).eval()
    network.palette.copy_(torch.randn(8, 2) * 40)
    return Colorizer("color", NetworkBackend(network))


def test_lightness_is_that_of_scikit_image(photo):
    assert np.allclose(lightness_of(photo), rgb2lab(np.asarray(photo))[..., 0], atol=1e-3)


def test_image_of_its_own_lab_is_the_image(photo):
    lab = rgb2lab(np.asarray(photo)).astype(np.float32)
    assert np.array_equal(np.asarray(image_of(lab[..., 0], lab[..., 1:])), np.asarray(photo))


def test_colors_inside_srgb_are_those_of_scikit_image():
    rng = np.random.default_rng(0)
    lab = rgb2lab(rng.uniform(0, 1, (64, 64, 3))).astype(np.float32)
    ours = np.asarray(image_of(lab[..., 0], lab[..., 1:]), int)
    assert np.abs(ours - np.round(lab2rgb(lab) * 255)).max() <= 1


def test_lightness_stays_even_where_colors_do_not_fit(photo):
    result = Colorizer("halves", Halves())(photo, saturation=2).image
    assert np.abs(lightness_of(result) - lightness_of(photo)).max() < 0.5
    lab = rgb2lab(np.asarray(result))
    assert lab[:, :100, 1].mean() > 10
    assert lab[:, -100:, 2].mean() < -10


def test_saturation_of_zero_is_the_grey_image(photo, untrained):
    pixels = np.asarray(untrained(photo, saturation=0).image, int)
    assert np.ptp(pixels, axis=-1).max() <= 1


def test_colors_of_the_input_do_not_matter(photo, untrained):
    grey = image_of(lightness_of(photo), np.zeros((200, 300, 2), np.float32))
    difference = np.asarray(untrained(photo).image, int) - np.asarray(untrained(grey).image)
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (13, 4), (640, 5), (333, 222), (2100, 1400)])
def test_result_has_the_size_of_the_input(untrained, size):
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8))
    translation = untrained(image)
    assert translation.image.size == size
    assert translation.image.mode == "RGB"
    assert translation.engine == "color"


def test_working_size_keeps_the_proportions():
    assert working_size(3000, 4000) == (160, 213)
    assert max(working_size(10, 5000)) <= 480


def test_upsampled_chroma_follows_the_borders_of_the_image():
    guide = torch.zeros(1, 1, 400, 400)
    guide[..., 190:] = 1  # the border of the image is 10 pixels off that of the coarse chroma
    chroma = torch.zeros(1, 2, 20, 20)
    chroma[..., 10:] = 50
    sharp = upsample_chroma(chroma, guide)
    plain = torch.nn.functional.interpolate(chroma, (400, 400), mode="bilinear")
    step = slice(180, 200)
    assert sharp[0, 0, 200, step].diff().max() > 3 * plain[0, 0, 200, step].diff().max()


def test_calls_from_many_threads_agree(photo, untrained):
    expected, results = untrained(photo).image, []
    threads = [threading.Thread(target=lambda: results.append(untrained(photo).image)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(np.asarray(image), np.asarray(expected)) for image in results)
    assert len(results) == 4


@pytest.mark.parametrize("saturation", [-0.1, 2.1, float("nan"), "much", None])
def test_saturation_out_of_range(photo, untrained, saturation):
    with pytest.raises(ValueError, match=r"saturation must be a number in 0\.\.2"):
        untrained(photo, saturation=saturation)


def test_unreadable_image(untrained):
    with pytest.raises(ImageError):
        untrained(b"no image")


def test_unknown_engine():
    with pytest.raises(ValueError, match="engine must be one of color"):
        Colorizer.load("sepia")
