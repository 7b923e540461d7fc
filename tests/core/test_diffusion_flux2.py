"""FLUX.2 klein on tiny networks: both of its pipelines, in every place and type that a device asks for."""

import threading

import pytest
import torch
from PIL import Image, ImageChops

from shared.core.diffusion import pipeline
from shared.core.diffusion.flux2 import Flux2Klein
from shared.core.diffusion.monitor import Monitor
from shared.core.errors import StoppedError
from tests.core import tiny_pipelines
from tests.core.tiny_pipelines import one_thread  # noqa: F401

IMAGE = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
MASK = Image.new("L", IMAGE.size)
MASK.paste(255, (32, 0, 96, 64))


def load():
    return Flux2Klein.load("someone/flux", None, folder=tiny_pipelines.flux2_klein(), device="cpu")


@pytest.fixture(scope="module")
def flux():
    return load()


def differs(first, second):
    return ImageChops.difference(first, second).getbbox() is not None


def test_an_edit_has_the_size_of_the_first_image(flux):
    image = flux.edit([IMAGE, Image.new("RGB", (64, 128), "red")], "make it blue", steps=2)
    assert (image.mode, image.size) == ("RGB", IMAGE.size)


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_inpainting_takes_fewer_steps_at_less_strength(flux, strength):
    steps = []
    monitor = Monitor(lambda *step: steps.append(step))
    image = flux.inpaint(IMAGE, MASK, "a sofa", strength=strength, steps=4, monitor=monitor)
    assert image.size == IMAGE.size
    assert len(steps) == max(round(4 * strength), 1)


def test_a_reference_changes_what_is_painted(flux):
    plain = flux.inpaint(IMAGE, MASK, "a sofa", steps=2)
    assert differs(plain, flux.inpaint(IMAGE, MASK, "a sofa", steps=2, reference=Image.new("RGB", (64, 64))))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(monkeypatch, dtype):
    monkeypatch.setattr(pipeline, "choose_dtype", lambda device: dtype)
    flux = load()
    assert flux.edit([IMAGE], "make it blue", steps=1).size == IMAGE.size
    assert flux.inpaint(IMAGE, MASK, "a sofa", steps=1).size == IMAGE.size


def test_one_network_at_a_time(flux, monkeypatch):
    """Both pipelines move the shared networks, and a stop leaves none of them behind."""
    monkeypatch.setattr(pipeline, "needs_offload", lambda parameters, device: True)
    offloaded = load()
    expected = flux.edit([IMAGE], "make it blue", steps=2)
    stop = threading.Event()
    assert not differs(offloaded.edit([IMAGE], "make it blue", steps=2), expected)
    with pytest.raises(StoppedError):
        offloaded.inpaint(IMAGE, MASK, "a sofa", monitor=Monitor(lambda *_: stop.set(), stop))
    assert not differs(
        offloaded.inpaint(IMAGE, MASK, "a sofa", steps=2), flux.inpaint(IMAGE, MASK, "a sofa", steps=2)
    )
    assert not differs(offloaded.edit([IMAGE], "make it blue", steps=2), expected)
