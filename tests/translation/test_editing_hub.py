"""Editors from the Hub: rows, downloads of tiny pipelines, and one sentence for everything that fails."""

import functools
import json
import re
import time
from dataclasses import replace

import pytest
import torch
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load, save

from shared.core import hub
from shared.core.diffusion import memory, repositories
from shared.core.weights import WeightsError
from shared.translation.editing.editor import ImageEditor
from shared.translation.editing.rows import EDITOR_ROWS, FLUX2_KLEIN, INSTRUCT_PIX2PIX, SCRIBBLE
from shared.translation.editing.stable_diffusion import BASE
from shared.translation.engines import EDITORS
from tests.core import tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401

PIX2PIX = EDITORS[INSTRUCT_PIX2PIX]
PHOTO = Image.linear_gradient("L").resize((64, 64))
#: Second weights in the repositories, which are not fetched.
SURPLUS = {"everything.safetensors": b"all in one file", "unet/diffusion_pytorch_model.bin": b"a pickle"}


@pytest.fixture(scope="module")
def contents():
    """Files of the repositories, by name."""
    return {
        EDITORS[FLUX2_KLEIN].weights: tiny_pipelines.files_of(tiny_pipelines.flux2_klein()),
        EDITORS[SCRIBBLE].weights: tiny_pipelines.files_of(tiny_pipelines.controlnet()),
        PIX2PIX.weights: tiny_pipelines.files_of(tiny_pipelines.instruct_pix2pix()),
        BASE.name: tiny_pipelines.files_of(tiny_pipelines.base()),
    }


@pytest.fixture
def fake_hub(tmp_path, monkeypatch, contents):
    """Run a Hub with the repositories of the editors at their pinned commits."""
    monkeypatch.setattr(memory, "total_memory", lambda device: 64 * 2**30)
    commits = {row.weights: row.revision for row in EDITORS.values()} | {BASE.name: BASE.revision}
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        for name, files in contents.items():
            server.add(name, files | SURPLUS).revision = commits[name]
        yield server


@pytest.fixture
def repository(fake_hub):
    """Return the repository of InstructPix2Pix."""
    return fake_hub.repositories["models", PIX2PIX.weights]


def sentence(name=INSTRUCT_PIX2PIX, **settings):
    """Return the sentence of the error that loading an editor must raise."""
    with pytest.raises(WeightsError) as caught:
        ImageEditor.load(name, device="cpu", **settings)
    text = str(caught.value)
    assert "\n" not in text
    return text


def on_small_canvas(editor):
    """Return an editor that works on 64 x 64 pixels, for speed."""
    limits = replace(editor.engine.limits, max_side=64, min_side=64)
    return ImageEditor(replace(editor.engine, limits=limits), editor._backend)


# --- rows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", EDITORS.values(), ids=lambda engine: engine.name)
def test_rows(engine):
    assert EDITORS[engine.name] is EDITOR_ROWS[engine.name]
    assert engine.from_hub
    assert re.fullmatch(r"[0-9a-f]{40}", engine.revision)
    assert engine.licence in ("apache-2.0", "mit", "creativeml-openrail-m")
    assert len(engine.title) <= 40
    assert len(engine.description) <= 80
    # The main memory holds all weights in 32 bits, a GPU in 16, each with room to work.
    assert 4 * engine.parameters / 1e9 < engine.cpu_gb < 4 * engine.parameters / 1e9 + 4
    assert 2 * engine.parameters / 1e9 < engine.gpu_gb < 2 * engine.parameters / 1e9 + 4
    limits = engine.limits
    assert limits.multiple == 16
    assert limits.max_side**2 / limits.max_aspect <= limits.max_pixels
    for setting in (engine.options.steps, engine.options.guidance, engine.options.strength):
        assert setting is None or setting.low <= setting.default <= setting.high


def test_a_name_that_no_engine_has():
    with pytest.raises(ValueError, match="the engine must be one of flux2-klein"):
        ImageEditor.load("nothing")


# --- download -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [FLUX2_KLEIN, SCRIBBLE, INSTRUCT_PIX2PIX])
def test_an_editor_is_downloaded_once(fake_hub, monkeypatch, name):
    editor = on_small_canvas(ImageEditor.load(name, device="cpu"))
    assert editor(PHOTO, "make it blue", steps=4).image.size == (64, 64)
    fetched = "\n".join(fake_hub.requests)
    assert "resolve" in fetched
    assert ".bin" not in fetched
    assert "model_index.json" not in fetched
    assert "everything.safetensors" not in fetched
    fake_hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    ImageEditor.load(name, device="cpu")
    assert fake_hub.requests == []


def test_nothing_of_a_repository_is_run(fake_hub, repository):
    """The classes are those of the code, whatever the repository names."""
    files = repository.files
    files["model_index.json"] = json.dumps({"_class_name": ["pipeline", "Evil"]}).encode()
    files["pipeline.py"] = b"raise SystemExit"
    assert type(ImageEditor.load(INSTRUCT_PIX2PIX, device="cpu")._backend.model.pipeline).__name__ == (
        "StableDiffusionInstructPix2PixPipeline"
    )


def old_name(file, tensor):
    """Return the name that a tensor has in the files on the Hub, which are older than today's classes."""
    if file.startswith("vae/") and ".attentions." in tensor:
        names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
        return functools.reduce(lambda name, pair: name.replace(*pair), names.items(), tensor)
    if file.startswith("text_encoder/"):
        return f"text_model.{tensor}"
    return tensor.replace("vision_model.", "vision_model.vision_model.") if "safety" in file else tensor


def test_weights_under_their_old_names(repository):
    positions = {
        "text_encoder/model.safetensors": "text_model.embeddings.position_ids",
        "safety_checker/model.safetensors": "vision_model.vision_model.embeddings.position_ids",
    }
    expected = ImageEditor.load(INSTRUCT_PIX2PIX, folder=tiny_pipelines.instruct_pix2pix(), device="cpu")
    for file in [file for file in repository.files if file.endswith(".safetensors") and "/" in file]:
        tensors = {old_name(file, name): tensor for name, tensor in load(repository.files[file]).items()}
        if file in positions:
            tensors[positions[file]] = torch.arange(5)[None]
        repository.files[file] = save(tensors, {"format": "pt"})
    first, second = (
        on_small_canvas(editor)(PHOTO, "make it blue", steps=4).image.tobytes()
        for editor in (expected, ImageEditor.load(INSTRUCT_PIX2PIX, device="cpu"))
    )
    assert first == second


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITORS)
def test_without_a_network(fake_hub, monkeypatch, name):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    start = time.perf_counter()
    text = sentence(name)
    assert time.perf_counter() - start < 1
    missing = f"{EDITORS[name].weights} is not on this machine and 127.0.0.1 cannot be reached"
    assert text == f"{missing}: check the network."


def test_a_gated_repository(repository):
    repository.gated = True
    assert "is only for those who accept its terms" in sentence()


def test_a_missing_repository(fake_hub):
    del fake_hub.repositories["models", PIX2PIX.weights]
    assert "The Hub has no public repository timbrooks/instruct-pix2pix" in sentence()


def test_a_missing_base(fake_hub):
    del fake_hub.repositories["models", BASE.name]
    assert f"no public repository {BASE.name}" in sentence(SCRIBBLE)


def test_a_missing_revision(repository):
    repository.revision = "0" * 40
    assert f"has no revision {PIX2PIX.revision}" in sentence()


def test_only_pickles(repository):
    del repository.files["unet/diffusion_pytorch_model.safetensors"]
    assert "has no unet/diffusion_pytorch_model.safetensors: only safetensors files are read" in sentence()


def test_a_file_that_is_cut_short_on_the_hub(repository):
    file = "vae/diffusion_pytorch_model.safetensors"
    repository.files[file] = repository.files[file][:-100]
    assert f"{file} is cut short or no safetensors file: delete it" in sentence()


def test_a_network_of_another_shape(repository):
    config = json.loads(repository.files["unet/config.json"])
    repository.files["unet/config.json"] = json.dumps(config | {"block_out_channels": [4, 12]}).encode()
    diffusers_logging.disable_progress_bar()
    assert "is no UNet2DConditionModel, or only a part of it" in sentence()


def test_a_missing_tokenizer(repository):
    for file in [file for file in repository.files if file.startswith("tokenizer/")]:
        del repository.files[file]
    assert "has no tokenizer" in sentence()


@pytest.mark.parametrize("package", repositories.PACKAGES)
def test_a_missing_package(fake_hub, monkeypatch, package):
    monkeypatch.setattr(
        repositories.importlib.util, "find_spec", lambda name: None if name == package else object()
    )
    assert sentence() == f"This engine needs the package {package}: pip install image-spaces[hub]"
    assert fake_hub.requests == []


def test_too_little_memory_is_told_before_the_download(fake_hub, monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda device: 24 * 2**30)
    text = sentence(FLUX2_KLEIN)
    assert text.startswith(
        f"{EDITORS[FLUX2_KLEIN].weights} takes 30 GB of memory and this machine has 24 GB: "
    )
    assert fake_hub.requests == []


def test_a_full_disk(fake_hub, monkeypatch):
    def download(*_, **settings):
        if settings.get("local_files_only"):
            raise FileNotFoundError
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert sentence() == "timbrooks/instruct-pix2pix does not fit on the disk: make room and try again."


# --- types -----------------------------------------------------------------------------------------------


def test_types_of_the_tiny_pipelines(fake_hub):
    pipeline = ImageEditor.load(INSTRUCT_PIX2PIX, device="cpu")._backend.model.pipeline
    networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    assert len(networks) == 4
    assert {tensor.dtype for network in networks for tensor in network.parameters()} == {torch.float32}
    assert not any(network.training for network in networks)
