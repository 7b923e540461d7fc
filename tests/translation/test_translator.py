"""Translator: sizes, directions, labels, cycles, familiarity, errors."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import engines, weights
from shared.core.images import ImageError
from shared.networks.cyclegan import CycleGAN
from shared.networks.pix2pix import Pix2pix
from shared.translation.engines import TRANSLATORS
from shared.translation.familiarity import FamiliarityModel, describe
from shared.translation.generator_backend import GeneratorBackend, enlarge_labels, working_size
from shared.translation.palettes import FACADES
from shared.translation.tasks import TASKS
from shared.translation.training.paired_familiarity import noise_images
from shared.translation.translator import Translator
from shared.translation.translator_rows import SYSTEMS, rows


class Invert(torch.nn.Module):
    """Inverts the colors in one direction and keeps them in the other."""

    multiple = 1

    def __init__(self):
        super().__init__()
        self.parameter = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, direction="forward"):
        return -x if direction == "forward" else x


def translator(task="facades", network=None, **options):
    return Translator("test", GeneratorBackend(network or Invert(), TASKS[task], **options))


def noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (200, 3), (128, 160), (300, 200)])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_results_have_the_size_of_the_image(size, direction):
    torch.manual_seed(0)
    model = translator(network=CycleGAN((1,), channels=2).eval())
    result = model(noise(*size), direction)
    assert result.image.size == size
    assert result.image.mode == "RGB"
    assert result.engine == "test"


def test_u_nets_translate_every_size():
    model = translator(network=Pix2pix(channels=2, blocks=0, levels=6).eval())
    assert model(noise(75, 50)).image.size == (75, 50)
    assert model.backend.settings.overlap % 64 == 0


def test_the_network_works_at_the_side_that_is_asked_for():
    image = noise(256, 192)
    full = translator("faces")(image, "backward", side=192).image
    assert np.array_equal(np.asarray(full), np.asarray(image))
    small = translator("faces")(image, "backward", side=48).image
    assert np.asarray(small).std() < 0.7 * np.asarray(image).std()


def test_each_direction_has_a_side_of_its_own():
    model = translator("faces", sides={"backward": 64})
    image = noise(64, 64)
    assert np.array_equal(np.asarray(model(image, "backward").image), np.asarray(image))
    assert model.backend.side("forward") == TASKS["faces"].side


def test_sketches_are_grey():
    assert translator("faces")(noise(64, 64), "forward").image.mode == "L"
    assert translator("faces")(noise(64, 64), "backward").image.mode == "RGB"


def test_labels_are_rounded_and_enlarged_without_mixed_colors():
    drawing = translator()(noise(200, 150), "backward", side=50).image
    colors = {color for _, color in drawing.getcolors()}
    assert colors <= {*FACADES.classes.values()}


def test_enlarged_labels_keep_their_areas():
    ids = np.zeros((20, 20), dtype=np.uint8)
    ids[5:15, 5:15] = 7
    large = FACADES.nearest(
        np.asarray(enlarge_labels(Image.fromarray(FACADES.draw(ids)), FACADES, (200, 200)))
    )
    assert set(np.unique(large)) == {0, 7}
    assert (large == 7).mean() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 480), (171, 128)), ((50, 100), (128, 256)), ((1, 1), (128, 128))]
)
def test_working_sizes(size, expected):
    assert working_size(Image.new("RGB", size), 128) == expected


def test_thin_strips_stay_bounded():
    width, height = working_size(Image.new("RGB", (40_000, 1)), 128)
    assert (width, height) == (40_000, 1)


def test_a_cycle_leads_back():
    class Keep(Invert):
        def forward(self, x, direction="forward"):
            return x

    grey = noise(64, 64).convert("L").convert("RGB")
    cycle = translator("faces", network=Keep()).cycle(grey, "backward", side=64)
    assert not np.asarray(cycle.difference).any()
    assert cycle.as_dict()["error"] == 0
    assert cycle.back.image.size == grey.size
    assert translator("faces").cycle(grey, "backward", side=64).error > 0.2


def test_errors():
    model = translator()
    with pytest.raises(ValueError, match="forward, backward, received 'sideways'"):
        model(noise(32, 32), "sideways")
    with pytest.raises(ValueError, match="at least 32, received 5"):
        model(noise(32, 32), side=5)
    with pytest.raises(ImageError):
        model(None)
    with pytest.raises(ValueError, match="received 'nothing'"):
        Translator.load("nothing")


def test_calls_on_many_threads_agree():
    torch.manual_seed(0)
    model = translator(network=CycleGAN((1,), channels=2).eval())
    images = [noise(64, 64, seed) for seed in range(4)]
    expected = [model(image).image.tobytes() for image in images]
    results = [None] * len(images)

    def run(index):
        results[index] = model(images[index]).image.tobytes()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == expected


@pytest.mark.parametrize("system", SYSTEMS)
def test_rows_load_their_weights(tmp_path, monkeypatch, system):
    (engine,) = rows("facades", **{system: 1})
    network = Pix2pix(channels=2, blocks=0, levels=3) if system == "pix2pix" else CycleGAN((1, 1), channels=2)
    model = familiarity_model()
    weights.save(network, tmp_path, config={"familiarity": {"forward": model.as_dict()}})
    table = engines.table(engine)
    monkeypatch.setattr("shared.translation.translator_rows.TRANSLATOR_ROWS", table)
    backend = engine.load(folder=tmp_path, device="cpu")
    assert backend.settings.multiple == (8 if system == "pix2pix" else 4)
    assert backend.familiarity(noise(64, 64), "backward") is None
    assert 0 <= backend.familiarity(noise(64, 64), "forward") <= 1


def familiarity_model():
    """A model of dark noise against bright noise."""
    dark = [describe(noise(40, 40, seed).point(lambda level: level // 3)) for seed in range(30)]
    bright = [describe(noise(40, 40, seed).point(lambda level: 255 - level // 3)) for seed in range(30)]
    return FamiliarityModel.fit(np.stack(dark), np.stack(bright))


def test_familiar_images_are_told_from_others():
    model = FamiliarityModel.from_dict(familiarity_model().as_dict())
    assert model(noise(40, 40, 99).point(lambda level: level // 3)) > 0.7
    assert model(noise(40, 40, 99).point(lambda level: 255 - level // 3)) < 0.3
    assert model(Image.new("RGB", (40, 40), (0, 90, 0))) < 0.3  # unlike either


def test_noise_is_generated_again_from_its_seed():
    images, again, others = (list(noise_images(12, seed)) for seed in (0, 0, 1))
    assert {(image.mode, image.size) for image in images} == {("RGB", (256, 256))}
    assert images == again
    assert not any(image in others for image in images)


def test_every_engine_names_a_task():
    for name in TRANSLATORS:
        task, _, system = name.partition("-")
        assert task in TASKS
        assert system in SYSTEMS
