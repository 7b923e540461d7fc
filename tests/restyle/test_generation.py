"""Painted clothes on a tiny FLUX.2 klein: sizes, masks, settings, progress, a stop, and errors."""

import re
import threading

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image, ImageDraw

from shared.core.diffusion import memory
from shared.core.diffusion.canvas import SizeLimits
from shared.core.errors import InputError, StoppedError
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.restyle.engines import GENERATORS
from shared.restyle.generation.composite import context_box, paste_box, soft_mask
from shared.restyle.generation.generator import GARMENT_PROMPT, OUTFIT_PROMPT, OutfitGenerator
from shared.restyle.generation.settings import SEEDS, GenerationSettings
from tests.core import tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401

ROW = GENERATORS["flux2-klein"]
SIZE = (150, 110)
QUICK = GenerationSettings(steps=1)
LIMITS = SizeLimits(max_pixels=96 * 96, max_side=128, min_side=64, max_aspect=2.0)


@pytest.fixture(scope="module")
def generator():
    loaded = ROW.load(folder=tiny_pipelines.flux2_klein(), device="cpu")
    return OutfitGenerator(loaded.model, LIMITS)


@pytest.fixture
def mask():
    """Mask of a garment in the middle."""
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).ellipse((50, 40, 90, 70), fill=255)
    return mask


def photo(size=SIZE):
    gradient = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (gradient, gradient.transpose(Image.Transpose.ROTATE_180), gradient))


def pixels(result):
    return np.asarray(result.image, int)


def test_the_row():
    assert ROW.from_hub
    assert re.fullmatch(r"[0-9a-f]{40}", ROW.revision)
    assert ROW.licence == "apache-2.0"
    assert "needs a GPU with 12 GB" in ROW.description
    assert "16 GB to download" in ROW.description


def test_the_prompts_name_what_stays():
    for prompt in (OUTFIT_PROMPT, GARMENT_PROMPT):
        assert all(word in prompt for word in ("person", "pose", "background"))
    assert all(word in OUTFIT_PROMPT for word in ("first picture", "second picture", "face"))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), SIZE])
def test_a_person_in_another_outfit_has_the_size_of_the_photo(generator, size):
    result = generator.dress(photo(size), Image.new("RGB", (80, 90), "red"), QUICK)
    assert (result.image.mode, result.image.size, result.operation) == ("RGB", size, "outfit")


def test_both_photos_and_the_seed_decide(generator):
    def dress(person, outfit, seed=0):
        return pixels(generator.dress(person, outfit, GenerationSettings(seed, 1)))

    red, blue = (Image.new("RGB", (64, 64), color) for color in ("red", "blue"))
    first = dress(photo(), red)
    assert np.array_equal(first, dress(photo(), red))
    assert not np.array_equal(first, dress(photo(), blue))
    assert not np.array_equal(first, dress(photo().rotate(180), red))
    assert not np.array_equal(first, dress(photo(), red, seed=1))


def test_a_garment_changes_inside_its_soft_mask_alone(generator, mask):
    result = generator.repaint(photo(), mask, "a red wool coat", QUICK)
    changed = np.abs(pixels(result) - np.asarray(photo(), int)).sum(2)
    assert result.image.size == SIZE
    assert changed[50:60, 60:80].mean() > 5
    assert changed[np.asarray(soft_mask(mask)) == 0].max() == 0


def test_masks_of_callers_are_arrays_or_images(generator, mask):
    array = np.asarray(mask) > 127
    first, second = (generator.repaint(photo(), item, "a coat", QUICK) for item in (mask, array))
    assert np.array_equal(pixels(first), pixels(second))


def test_the_words_decide(generator, mask):
    first, second = (generator.repaint(photo(), mask, words, QUICK) for words in ("a coat", "a green dress"))
    assert not np.array_equal(pixels(first), pixels(second))


@pytest.mark.parametrize(("words", "reason"), [(" ", "no words yet"), ("blue " * 600, "too long")])
def test_words_that_cannot_be_used(generator, mask, words, reason):
    with pytest.raises(InputError, match=reason):
        generator.repaint(photo(), mask, words)


def test_masks_that_cannot_be_used(generator):
    with pytest.raises(ImageError, match="empty"):
        generator.repaint(photo(), Image.new("L", SIZE), "a coat")
    with pytest.raises(ImageError, match="150 x 110"):
        generator.repaint(photo(), Image.new("L", (20, 20), 255), "a coat")


def test_settings_out_of_range():
    with pytest.raises(InputError, match="number of steps must be from 1 to 12, received 13"):
        GenerationSettings(steps=13)
    for seed in (-1, SEEDS):
        with pytest.raises(InputError, match="The seed must be from 0"):
            GenerationSettings(seed=seed)


def test_progress_and_a_stop(generator, mask):
    steps, stop = [], threading.Event()
    generator.dress(photo(), photo(), GenerationSettings(steps=2), progress=lambda *step: steps.append(step))
    generator.repaint(
        photo(), mask, "a coat", GenerationSettings(steps=2), progress=lambda *step: steps.append(step)
    )
    assert steps == [(1, 2), (2, 2)] * 2
    with pytest.raises(StoppedError, match="Stopped"):
        generator.dress(photo(), photo(), progress=lambda *_: stop.set(), stop=stop)
    with pytest.raises(StoppedError, match="Stopped"):
        generator.repaint(photo(), mask, "a coat", stop=stop)


# --- composites -----------------------------------------------------------------------------------------


def test_a_soft_mask_is_full_inside_and_ends_soon(mask):
    soft = np.asarray(soft_mask(mask), int)
    hard = np.asarray(mask)
    assert (soft[hard == 255] == 255).all()
    assert 0 < soft[(hard == 0) & (soft > 0)].mean() < 255
    assert soft[:25].max() == 0
    rising = soft[55, 30:52]
    assert (np.diff(rising) >= 0).all()


def test_the_context_stays_inside_the_image(mask):
    left, top, right, bottom = context_box(mask)
    assert (left, top) == (34, 24)
    assert (right, bottom) == (107, 87)
    assert context_box(Image.new("L", SIZE, 255)) == (0, 0, *SIZE)


def test_a_box_has_a_seam_where_it_ends_inside_the_image():
    image, part = Image.new("RGB", (100, 100)), Image.new("RGB", (60, 50), "white")
    levels = np.asarray(paste_box(image, part, (0, 20, 60, 70)).convert("L"), int)
    assert levels[45, 0] == levels[45, 30] == 255  # the border of the image is no seam
    assert 0 < levels[45, 59] < 255
    assert 0 < levels[20, 30] < 255
    assert levels[:20].max() == levels[70:].max() == levels[:, 60:].max() == 0


# --- the Hub --------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda device: 64 * 2**30)
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        server.add(ROW.weights, tiny_pipelines.files_of(tiny_pipelines.flux2_klein())).revision = ROW.revision
        yield server


def test_the_model_is_downloaded(hub):
    generator = OutfitGenerator(ROW.load(device="cpu").model, LIMITS)
    assert generator.dress(photo(), photo(), QUICK).image.size == SIZE


def test_without_a_network(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError) as caught:
        ROW.load(device="cpu")
    missing = f"{ROW.weights} is not on this machine and 127.0.0.1 cannot be reached"
    assert str(caught.value) == f"{missing}: check the network."


def test_too_little_memory_is_told_before_the_download(hub, monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda device: 24 * 2**30)
    with pytest.raises(WeightsError, match="takes 30 GB of memory and this machine has 24 GB"):
        ROW.load(device="cpu")
    assert hub.requests == []
