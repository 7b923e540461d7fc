"""Editors on tiny pipelines of their own classes: images, settings, progress, a stop, and masks."""

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageDraw

from shared.core.diffusion.canvas import SizeLimits
from shared.core.errors import GenerationError, InputError, StoppedError
from shared.core.images import ImageError, encode_image
from shared.translation.editing.editor import ImageEditor
from shared.translation.editing.engine import SEEDS
from shared.translation.editing.flux2 import Flux2KleinBackend
from shared.translation.editing.labels import LABEL_COLORS
from shared.translation.editing.rows import FLUX2_KLEIN, INSTRUCT_PIX2PIX, SCRIBBLE, SEGMENTATION
from shared.translation.editing.stable_diffusion import (
    InstructPix2PixBackend,
    ScribbleBackend,
    SegmentationBackend,
)
from shared.translation.engines import EDITORS
from tests.core import tiny_pipelines
from tests.core.tiny_pipelines import one_thread  # noqa: F401

BACKENDS = {
    FLUX2_KLEIN: Flux2KleinBackend,
    SCRIBBLE: ScribbleBackend,
    SEGMENTATION: SegmentationBackend,
    INSTRUCT_PIX2PIX: InstructPix2PixBackend,
}
SIZE = (90, 70)
#: The fewest steps that all engines allow.
STEPS = 4


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of whole pipelines, by engine."""
    drawing = tmp_path_factory.mktemp("drawing")
    shutil.copytree(tiny_pipelines.base(), drawing, dirs_exist_ok=True)
    shutil.copytree(tiny_pipelines.controlnet(), drawing / "controlnet")
    return {
        FLUX2_KLEIN: tiny_pipelines.flux2_klein(),
        SCRIBBLE: drawing,
        SEGMENTATION: drawing,
        INSTRUCT_PIX2PIX: tiny_pipelines.instruct_pix2pix(),
    }


@pytest.fixture(scope="module")
def editors(folders):
    """Editors by name, on small canvases."""
    limits = SizeLimits(max_pixels=96 * 96, max_side=128, min_side=64, max_aspect=2.0)
    rows = {name: replace(EDITORS[name], limits=limits) for name in BACKENDS}
    return {
        name: ImageEditor(row, BACKENDS[name].load(row, folder=folders[name], device="cpu"))
        for name, row in rows.items()
    }


@pytest.fixture(params=BACKENDS)
def editor(editors, request):
    """Return one editor after another."""
    return editors[request.param]


@pytest.fixture
def flux(editors):
    return editors[FLUX2_KLEIN]


@pytest.fixture
def pix2pix(editors):
    return editors[INSTRUCT_PIX2PIX]


def photo(size=SIZE):
    gradient = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (gradient, gradient.transpose(Image.Transpose.ROTATE_180), gradient))


def differs(first, second):
    return ImageChops.difference(first.image, second.image).getbbox() is not None


# --- results --------------------------------------------------------------------------------------------


def test_all_rows_are_tested():
    assert set(BACKENDS) == set(EDITORS)


def test_a_result_has_the_size_of_the_image(editor):
    result = editor(photo(), "make it blue", steps=STEPS)
    assert (result.image.mode, result.image.size) == ("RGB", SIZE)
    assert result.engine == editor.engine.name
    assert result.seconds > 0
    assert np.asarray(result.image).std() > 0
    assert result.files()[".png"][1:4] == b"PNG"


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (700, 410), (64, 64)])
def test_images_of_any_size(flux, size):
    assert flux(photo(size), "make it blue", steps=1).image.size == size


@pytest.mark.parametrize("source", ["file", "gray", "transparent"])
def test_images_of_any_kind(flux, source):
    image = {
        "file": encode_image(photo(), "JPEG"),
        "gray": photo().convert("L"),
        "transparent": photo().convert("RGBA"),
    }[source]
    assert flux(image, "make it blue", steps=1).image.mode == "RGB"


def test_the_seed_decides(editor):
    first, again, other = (editor(photo(), "make it blue", seed=seed, steps=STEPS) for seed in (1, 1, 2))
    assert not differs(first, again)
    assert differs(first, other)


def test_the_words_decide(editor):
    first, second = (editor(photo(), words, steps=STEPS) for words in ("make it blue", "a wooden house"))
    assert differs(first, second)


def test_the_image_decides(editor):
    drawing = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(drawing).rectangle((20, 20, 60, 60), outline="black", width=4)
    assert differs(editor(photo(), "a house", steps=STEPS), editor(drawing, "a house", steps=STEPS))


def test_many_threads_share_an_editor(flux):
    expected = flux(photo(), "make it blue", seed=3, steps=2)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(flux(photo(), "make it blue", seed=3, steps=2)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [differs(expected, result) for result in results] == [False] * 3


# --- settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["guidance", "strength"])
def test_settings_have_an_effect_or_are_refused(editor, name):
    setting = getattr(editor.engine.options, name)
    if setting is None:
        with pytest.raises(InputError, match=f"has no {name}: please leave it out"):
            editor(photo(), "make it blue", steps=STEPS, **{name: 1.0})
        return
    low, high = (
        editor(photo(), "make it blue", steps=STEPS, **{name: value}) for value in (setting.low, setting.high)
    )
    assert differs(low, high)
    for value in (setting.low - 0.1, setting.high + 0.1, float("nan")):
        with pytest.raises(InputError, match=f"The {name} must be from"):
            editor(photo(), "make it blue", steps=STEPS, **{name: value})


def test_unwanted_words(editor):
    if not editor.engine.options.negative_prompt:
        with pytest.raises(InputError, match="reads no unwanted words"):
            editor(photo(), "make it blue", negative_prompt="red", steps=STEPS)
        return
    plain = editor(photo(), "make it blue", steps=STEPS)
    assert differs(plain, editor(photo(), "make it blue", negative_prompt="red houses", steps=STEPS))
    with pytest.raises(InputError, match="too long for the engine"):
        editor(photo(), "make it blue", negative_prompt="red " * 77, steps=STEPS)


@pytest.mark.parametrize("steps", [0, 1000, -1])
def test_steps_out_of_range(editor, steps):
    with pytest.raises(InputError, match="The number of steps must be from"):
        editor(photo(), "make it blue", steps=steps)


@pytest.mark.parametrize("seed", [-1, SEEDS])
def test_seeds_out_of_range(flux, seed):
    with pytest.raises(InputError, match="The seed must be from 0 to 4294967295"):
        flux(photo(), "make it blue", seed=seed)


@pytest.mark.parametrize("prompt", ["", "  ", "blue " * 600])
def test_words_that_cannot_be_used(editor, prompt):
    with pytest.raises(InputError, match=r"no words yet|too long for the engine"):
        editor(photo(), prompt)


def test_words_are_counted_with_the_form_of_the_chat(flux):
    assert flux._backend.count_tokens("ab") > 20


def test_a_damaged_image(flux):
    with pytest.raises(ImageError):
        flux(b"no image", "make it blue")


# --- progress and stop ----------------------------------------------------------------------------------


def test_progress_of_each_step(editor):
    steps = []
    editor(photo(), "make it blue", steps=STEPS, progress=lambda *step: steps.append(step))
    assert steps == [(step, STEPS) for step in range(1, STEPS + 1)]


def test_less_strength_takes_fewer_steps(flux):
    steps = []
    flux(photo(), "make it blue", steps=4, strength=0.5, progress=lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]


def test_a_stop_between_steps(editor):
    steps, stop = [], threading.Event()

    def progress(*step):
        steps.append(step)
        stop.set()

    with pytest.raises(StoppedError, match="Stopped: no picture was made"):
        editor(photo(), "make it blue", steps=STEPS, progress=progress, stop=stop)
    assert steps == [(1, STEPS)]
    assert editor(photo(), "make it blue", steps=STEPS).image.size == SIZE


# --- masks and references -------------------------------------------------------------------------------


def test_a_mask_keeps_the_remaining_pixels(editor):
    image, mask = photo(), Image.new("L", SIZE)
    mask.paste(255, (20, 10, 60, 50))
    if not editor.engine.options.mask:
        with pytest.raises(InputError, match="takes no mask"):
            editor(image, "make it blue", mask=mask)
        return
    change = ImageChops.difference(editor(image, "make it blue", mask=mask, steps=STEPS).image, image)
    left, top, right, bottom = change.getbbox()
    assert 20 <= left < right <= 60
    assert 10 <= top < bottom <= 50


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            Image.new("L", (70, 90), 255),
            "must have the shape of the picture, 90 × 70 pixels, and has 70 × 90",
        ),
        (Image.new("L", SIZE), "marks no part"),
    ],
)
def test_masks_that_cannot_be_used(flux, mask, message):
    with pytest.raises(InputError, match=message):
        flux(photo(), "make it blue", mask=mask)


def test_a_mask_is_scaled_to_the_size_of_the_image(pix2pix):
    image, mask = photo((900, 701)), Image.new("L", (45, 35))
    mask.paste(255, (10, 5, 20, 15))
    change = ImageChops.difference(pix2pix(image, "make it blue", mask=mask, steps=4).image, image)
    left, top, right, bottom = change.getbbox()
    assert 180 <= left < right <= 420
    assert 80 <= top < bottom <= 321


def test_what_an_engine_lacks_is_refused_without_its_model(editor):
    row = editor.engine
    row.check("make it blue")
    with pytest.raises(InputError, match="no words yet"):
        row.check(" ")
    with pytest.raises(InputError, match="number of steps must be from"):
        row.check("make it blue", steps=1000)
    with pytest.raises(InputError, match="further pictures, received 9"):
        row.check("make it blue", references=[photo()] * 9)
    if not row.options.mask:
        with pytest.raises(InputError, match="takes no mask: please remove it"):
            row.check("make it blue", mask=photo())


def test_references_have_an_effect(flux):
    image = photo()
    plain, one, several = (
        flux(image, "make it blue", references=references, steps=2)
        for references in ([], [photo((80, 300))], [photo((80, 300)), Image.new("RGB", (1, 1), "red")])
    )
    assert differs(plain, one)
    assert differs(one, several)


def test_a_reference_with_a_mask(flux):
    mask = Image.new("L", SIZE, 255)
    plain = flux(photo(), "make it blue", mask=mask, steps=2)
    assert differs(plain, flux(photo(), "make it blue", mask=mask, references=[photo((200, 100))], steps=2))
    with pytest.raises(InputError, match="one further picture at most"):
        flux(photo(), "make it blue", mask=mask, references=[photo()] * 2, steps=2)


def test_too_many_references(editor):
    limit = editor.engine.options.max_references
    text = f"at most {limit} further pictures, received {limit + 1}" if limit else "no further pictures"
    with pytest.raises(InputError, match=text):
        editor(photo(), "make it blue", references=[photo()] * (limit + 1))


# --- drawings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pen", "paper"), [("black", "white"), ("red", "white"), ((160, 160, 160), "white"), ("white", "black")]
)
def test_lines_become_white_on_black(editors, pen, paper):
    drawing = Image.new("RGB", (40, 30), paper)
    ImageDraw.Draw(drawing).line((5, 15, 35, 15), fill=pen, width=3)
    lines = editors[SCRIBBLE]._backend.prepare(drawing)
    expected = Image.new("RGB", (40, 30), "black")
    ImageDraw.Draw(expected).line((5, 15, 35, 15), fill="white", width=3)
    assert lines.tobytes() == expected.tobytes()


def test_colors_of_labels_can_be_told_apart():
    colors = torch.tensor([*LABEL_COLORS.values()], dtype=torch.float)
    distances = torch.cdist(colors, colors) + 1e3 * torch.eye(len(colors))
    assert distances.min() > 10
    assert EDITORS[SEGMENTATION].options.colors == LABEL_COLORS


def test_the_filter_of_the_pipeline(pix2pix, monkeypatch):
    checker = pix2pix._backend.model.pipeline.safety_checker
    monkeypatch.setattr(checker, "concept_embeds_weights", torch.nn.Parameter(-2 * torch.ones(17)))
    with pytest.raises(GenerationError, match="safety filter"):
        pix2pix(photo(), "make it blue", steps=STEPS)
