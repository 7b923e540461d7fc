"""Diffusion pipelines: files, sizes, memory, progress, and a stop between two steps."""

import errno
import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file, save_file

from shared.core import hub
from shared.core.diffusion import memory, pipeline, repositories
from shared.core.diffusion.canvas import Canvas, SizeLimits
from shared.core.diffusion.memory import check_memory, choose_dtype, needs_offload
from shared.core.diffusion.monitor import Monitor, StopFile
from shared.core.diffusion.pipeline import ComponentFiles, DiffusionModel, load_component
from shared.core.diffusion.prompts import MAX_CHARACTERS, check_prompt
from shared.core.diffusion.repositories import PipelineRepository, check_packages, read_shapes
from shared.core.errors import GenerationError, InputError, StoppedError
from shared.core.weights import WeightsError
from tests.core import tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401

NAME = "someone/pipeline"
CPU, GPU = torch.device("cpu"), torch.device("cuda")
VAE = PipelineRepository(NAME, None, ("vae",), ("scheduler",))


@pytest.fixture
def fake_hub(tmp_path, monkeypatch):
    """Run a Hub with InstructPix2Pix and the files that such repositories hold beside it."""
    files = tiny_pipelines.files_of(tiny_pipelines.instruct_pix2pix())
    surplus = {
        "pipeline.safetensors": b"all in one file",
        "vae/diffusion_pytorch_model.bin": b"a pickle",
        "vae/diffusion_pytorch_model.fp16.safetensors": b"half precision",
        "vae/diffusion_pytorch_model.non_ema.safetensors": b"for training",
    }
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        server.add(NAME, files | surplus)
        yield server


def sentence(call, *args, error=WeightsError, **kwargs):
    """Return the sentence of the error that a call must raise."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- files ----------------------------------------------------------------------------------------------


def test_only_the_files_of_the_pipeline_are_fetched(fake_hub):
    path = VAE.find(allow_hub=True)
    fetched = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    weights = "vae/diffusion_pytorch_model.safetensors"
    assert fetched == {"scheduler/scheduler_config.json", "vae/config.json", weights}
    count = sum(tensor.numel() for tensor in load_file(path / weights).values())
    assert VAE.count_parameters(path) == count
    fake_hub.requests.clear()
    assert VAE.is_cached()
    assert VAE.find() == path
    assert fake_hub.requests == []


def test_nothing_is_fetched_unless_it_is_allowed(fake_hub):
    assert not VAE.is_cached()
    assert "allow their download" in sentence(VAE.find)
    assert fake_hub.requests == []


def test_a_variant(fake_hub):
    repository = PipelineRepository(NAME, None, ("vae",), variant="fp16")
    path = repository.find(allow_hub=True)
    assert [file.name for file in path.rglob("*.safetensors")] == ["diffusion_pytorch_model.fp16.safetensors"]


def test_weights_in_several_files(fake_hub):
    files = fake_hub.repositories["models", NAME].files
    shards = {f"text/model-0000{number}-of-00002.safetensors": b"" for number in (1, 2)}
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    files |= {**shards, "text/model.safetensors.index.json": json.dumps(index).encode()}
    repository = PipelineRepository(NAME, None, ("text",))
    path = repository.find(allow_hub=True)
    last = path / "text/model-00002-of-00002.safetensors"
    last.unlink()
    assert not repository.is_cached()
    assert repository.find(allow_hub=True) == path  # completed
    assert last.is_file()
    last.unlink()
    del files["text/model-00002-of-00002.safetensors"]
    assert "has no text/model-00002-of-00002.safetensors" in sentence(repository.find, allow_hub=True)


def test_a_folder_that_does_not_exist(tmp_path):
    assert "nowhere does not exist: check its path" in sentence(VAE.find, tmp_path / "nowhere")


@pytest.mark.parametrize("folder", ["missing", "scheduler"])
def test_a_network_without_safetensors(fake_hub, folder):
    repository = PipelineRepository(NAME, None, ("vae", folder))
    text = sentence(repository.find, allow_hub=True)
    assert f"has no {folder}/diffusion_pytorch_model.safetensors: only safetensors" in text


def test_a_network_at_the_top(fake_hub):
    fake_hub.add("someone/control", tiny_pipelines.files_of(tiny_pipelines.controlnet()))
    repository = PipelineRepository("someone/control", None, ("",))
    assert (repository.find(allow_hub=True) / "diffusion_pytorch_model.safetensors").is_file()


def test_a_gated_repository(fake_hub):
    fake_hub.repositories["models", NAME].gated = True
    assert "accept its terms" in sentence(VAE.find, allow_hub=True)


def test_a_download_that_ends_early(fake_hub, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # before each further try
    fake_hub.repositories["models", NAME].cut_short = "vae/diffusion_pytorch_model.safetensors"
    assert "could not be downloaded" in sentence(VAE.find, allow_hub=True)
    assert not VAE.is_cached()


def test_a_full_disk(fake_hub, monkeypatch):
    def download(*_, **__):
        raise RuntimeError("while writing") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert "does not fit on the disk: make room" in sentence(VAE._download, True)


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(repositories.importlib.util, "find_spec", lambda name: None)
    assert sentence(check_packages).endswith("needs the package diffusers: pip install image-spaces[hub]")


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0[]", None])
def test_a_file_that_is_cut_short(tmp_path, content):
    file = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(2)}, file)
    assert sorted(read_shapes(file)) == [[2], [3, 4]]
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    assert "cut short or no safetensors file: delete it" in sentence(list, read_shapes(file))


# --- loading --------------------------------------------------------------------------------------------


def test_a_missing_weight_is_an_error(tmp_path):
    source = tiny_pipelines.instruct_pix2pix() / "vae"
    for file, data in tiny_pipelines.files_of(source).items():
        (tmp_path / file).write_bytes(data)
    files = ComponentFiles(AutoencoderKL, tmp_path)
    network = load_component(files, torch.float32, CPU)
    assert not network.training
    tensors = load_file(tmp_path / "diffusion_pytorch_model.safetensors")
    tensors.pop("decoder.conv_out.bias")
    save_file(tensors, tmp_path / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    text = sentence(load_component, files, torch.float32, CPU)
    assert "(1 weights are missing, such as decoder.conv_out.bias): delete the folder" in text


def test_another_network(tmp_path):
    files = ComponentFiles(UNet2DConditionModel, tiny_pipelines.controlnet())
    assert "is no UNet2DConditionModel" in sentence(load_component, files, torch.float32, CPU)


def test_weights_are_loaded_in_the_wanted_type():
    files = ComponentFiles(AutoencoderKL, tiny_pipelines.instruct_pix2pix() / "vae")
    assert {tensor.dtype for tensor in load_component(files, torch.bfloat16, CPU).parameters()} == {
        torch.bfloat16
    }


# --- memory ---------------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """Return a function that sets the memory of the CPU and of a GPU, in gigabytes."""

    def of(cpu, gpu, bf16=True):
        sizes = {"cpu": cpu, "cuda": gpu}
        monkeypatch.setattr(memory, "total_memory", lambda device: sizes[device.type] * 2**30)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)

    return of


def test_types_of_weights(machine, monkeypatch):
    machine(cpu=16, gpu=16)
    assert choose_dtype(CPU) == torch.float32
    assert choose_dtype(GPU) == torch.bfloat16
    machine(cpu=16, gpu=16, bf16=False)
    assert choose_dtype(GPU) == torch.float16
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    assert choose_dtype(GPU) == torch.bfloat16


@pytest.mark.parametrize(("gpu", "offload"), [(12, True), (16, True), (24, False)])
def test_networks_of_16_gigabytes_on_a_gpu(machine, gpu, offload):
    machine(cpu=64, gpu=gpu)
    assert needs_offload(8_000_000_000, GPU) == offload
    assert not needs_offload(8_000_000_000, CPU)
    check_memory(8_000_000_000, GPU, "Flux")


def test_networks_that_main_memory_cannot_hold_are_refused(machine):
    machine(cpu=16, gpu=24)
    text = sentence(check_memory, 8_000_000_000, CPU, "Flux")
    assert "Flux takes 30 GB of memory and this machine has 16 GB" in text
    check_memory(8_000_000_000, GPU, "Flux")  # one network at a time passes through main memory
    machine(cpu=16, gpu=12)
    sentence(check_memory, 8_000_000_000, GPU, "Flux")


class Pipeline:
    """Pipeline of three steps that logs its calls."""

    num_timesteps = 3

    def __init__(self, value=0.5, error=None, flagged=None):
        self.calls = []
        self.value, self.error, self.flagged = value, error, flagged

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, *args, *kwargs.values()))

    def __call__(self, *, generator, output_type, callback_on_step_end, size=(4, 2)):
        for step in range(self.num_timesteps):
            if self.error is not None:
                raise self.error
            callback_on_step_end(self, step, None, {})
        pixels = np.full((1, size[1], size[0], 3), self.value, np.float32)
        return SimpleNamespace(images=pixels, nsfw_content_detected=self.flagged)


def test_one_network_at_a_time_on_a_small_gpu():
    small, large = Pipeline(), Pipeline()
    DiffusionModel(small, GPU, offload=True)
    DiffusionModel(large, GPU)
    assert ("enable_model_cpu_offload", GPU) in small.calls
    assert ("to", GPU) in large.calls


def test_offloaded_networks_leave_the_gpu_after_an_error():
    model = DiffusionModel(Pipeline(error=RuntimeError("any")), CPU)
    with pytest.raises(RuntimeError, match="any"):
        model({})
    assert model.pipeline.calls[-1] == ("maybe_free_model_hooks",)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_out_of_memory(error):
    model = DiffusionModel(Pipeline(error=error), CPU)
    assert "ran out of memory: please take a smaller picture" in sentence(model, {}, error=GenerationError)


def test_too_little_memory_while_loading(monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(pipeline, "load_component", fail)
    files = {"vae": ComponentFiles(AutoencoderKL, tiny_pipelines.instruct_pix2pix() / "vae")}
    assert "too little free memory for Pipeline" in sentence(
        DiffusionModel.load, Pipeline, files, device="cpu"
    )


# --- runs -----------------------------------------------------------------------------------------------


def test_progress_of_each_step():
    steps = []
    image = DiffusionModel(Pipeline(), CPU)({}, monitor=Monitor(lambda *step: steps.append(step)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (4, 2), (128, 128, 128))


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_stop_before_a_step_gives_no_image(before):
    steps, stop = [], threading.Event()

    def progress(step, _):
        steps.append(step)
        if step == before:
            stop.set()

    if before == 0:
        stop.set()
    model = DiffusionModel(Pipeline(), CPU)
    assert "Stopped" in sentence(model, {}, monitor=Monitor(progress, stop), error=StoppedError)
    assert steps == list(range(1, before + 1))
    assert model({}).size == (4, 2)  # the next run is not stopped


def test_a_stop_reaches_another_process():
    stop = StopFile()
    copy = StopFile(stop.path)
    assert not copy.is_set()
    stop.set()
    assert copy.is_set()
    stop.clear()
    stop.clear()
    assert not copy.is_set()


def test_a_result_that_the_filter_of_the_pipeline_refuses():
    model = DiffusionModel(Pipeline(flagged=[True]), CPU)
    assert "safety filter held this result back" in sentence(model, {}, error=GenerationError)
    assert DiffusionModel(Pipeline(flagged=[False]), CPU)({}).size == (4, 2)


def test_a_result_that_is_not_a_number():
    model = DiffusionModel(Pipeline(value=float("nan")), CPU)
    assert "no valid colors" in sentence(model, {}, error=GenerationError)


# --- sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3000), (9000, 5500), (640, 480), (50, 1000), (1024, 1024), (1536, 600), (17, 16)]
)
@pytest.mark.parametrize(
    "limits", [SizeLimits(), SizeLimits(640 * 640, 960, 512), SizeLimits(1024, 64, 16, multiple=8)]
)
def test_canvases_keep_all_limits(size, limits):
    canvas = Canvas.fit(size, limits)
    assert all(side % limits.multiple == 0 and side > 0 for side in canvas.size)
    assert canvas.size[0] * canvas.size[1] <= limits.max_pixels
    assert max(canvas.size) <= max(limits.max_side, limits.multiple)
    assert max(canvas.size) / min(canvas.size) <= limits.max_aspect
    left, top, right, bottom = canvas.box
    assert 0 <= left < right <= canvas.size[0]
    assert 0 <= top < bottom <= canvas.size[1]


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (50, 1000), (640, 480)])
def test_results_have_the_size_of_the_image(size):
    canvas = Canvas.fit(size, SizeLimits())
    assert canvas.restore(canvas.draw(Image.new("RGB", size, "red"))).getcolors() == [
        (size[0] * size[1], (255, 0, 0))
    ]


def test_an_image_returns_from_its_canvas():
    gradient = Image.linear_gradient("L").resize((500, 90))
    image = Image.merge("RGB", (gradient, gradient.transpose(Image.Transpose.FLIP_TOP_BOTTOM), gradient))
    canvas = Canvas.fit(image.size, SizeLimits())
    assert canvas.size == (768, 192)  # with a margin above and below
    drawn = canvas.draw(image)
    assert drawn.size == canvas.size
    assert drawn.crop((0, 0, 768, 1)).getcolors(maxcolors=9) is not None  # the margin repeats the border
    difference = np.abs(np.asarray(canvas.restore(drawn), int) - np.asarray(image, int))
    assert difference.mean() < 2


def test_the_colors_of_a_label_map_stay():
    labels = Image.new("RGB", (301, 200), (4, 200, 3))
    labels.paste((6, 230, 230), (0, 0, 301, 77))
    drawn = Canvas.fit(labels.size, SizeLimits()).draw(labels, Image.Resampling.NEAREST)
    assert {color for _, color in drawn.getcolors()} == {(4, 200, 3), (6, 230, 230)}


# --- instructions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "no words yet"),
        (" \n", "no words yet"),
        ("snow " * 30, "too long for the engine \\(149 of at most 77 word pieces\\)"),
        ("x" * (MAX_CHARACTERS + 1), "more than 10,000 characters"),
    ],
)
def test_instructions_that_cannot_be_used(prompt, message):
    with pytest.raises(InputError, match=message):
        check_prompt(prompt, count_tokens=len, max_tokens=77)


def test_the_cache_is_a_setting_of_the_tests(fake_hub, tmp_path):
    """Nothing of the developer's own cache may be read or written."""
    assert str(tmp_path / "cache") == constants.HF_HUB_CACHE
