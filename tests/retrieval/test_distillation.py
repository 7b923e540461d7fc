"""Fine-tuning of backbones: losses, initial weights, interpolation, a run of two steps."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from shared.core.image_files import read_images
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.retrieval import train
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.training import distillation
from shared.retrieval.training.batches import sample_pairs
from tests.predictors import astronaut, with_random_weights


def random_vectors(seed):
    return torch.randn(8, 20, generator=torch.Generator().manual_seed(seed))


def test_the_contrastive_loss_ignores_the_common_part():
    x = random_vectors(0)
    y = x + 0.1 * random_vectors(1)
    loss = distillation.contrastive_loss(x, y)
    shifted = distillation.contrastive_loss(x + 100, y + 100)
    torch.testing.assert_close(shifted, loss, atol=1e-3, rtol=1e-3)
    assert loss < 0.01 < 1 < distillation.contrastive_loss(x, y.roll(1, 0))


def test_interpolated_weights_lie_between():
    initial, trained = with_random_weights(MobileNetV1(), 0), with_random_weights(MobileNetV1(), 1)
    for alpha in (0.0, 0.25, 1.0):
        state = distillation.interpolate_weights(initial, trained, alpha).state_dict()
        for name, value in initial.state_dict().items():
            expected = (1 - alpha) * value + alpha * trained.state_dict()[name]
            torch.testing.assert_close(state[name], expected)


@pytest.mark.usefixtures("small_batches")
def test_validation_separates_matches_from_mismatches(image_folder):
    network = with_random_weights(MobileNetV1())
    images = [image for image, _ in sample_pairs(read_images([image_folder])[:4])]
    matches = distillation.validate(network, [(image, image) for image in images])
    paddings = ("end", "symmetric")
    metrics = [f"{metric}, {padding}" for padding in paddings for metric in ("recall@1", "contrastive")]
    assert list(matches) == metrics
    assert matches["recall@1, end"] == matches["recall@1, symmetric"] == 1
    shifted = [*images[1:], images[0]]
    mismatches = distillation.validate(network, list(zip(images, shifted, strict=True)))
    assert mismatches["recall@1, end"] == mismatches["recall@1, symmetric"] == 0
    assert mismatches["contrastive, end"] > matches["contrastive, end"]


@pytest.mark.usefixtures("small_batches")
def test_the_command_trains_and_interpolates(image_folder, tmp_path, capsys):
    initial = with_random_weights(MobileNetV1()).state_dict()
    save_file(initial, tmp_path / "start.safetensors")
    arguments = ["network", "--start", str(tmp_path / "start.safetensors"), "--photos", str(image_folder)]
    arguments += ["--held-out", str(image_folder), "--held-out-limit", "2", "--out", str(tmp_path / "run")]
    arguments += ["--batch", "2", "--steps", "4", "--stop-at", "2", "--learning-rate", "1e-3"]
    half_folder = train.main([*arguments, "--alpha", "0.5"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:10] for line in lines] == ["alpha 0.00", "alpha 0.50", "alpha 1.00"]
    assert all("'recall@1, symmetric'" in line for line in lines)
    half = load_file(half_folder / "model.safetensors")
    changed = [name for name, value in initial.items() if not torch.equal(value.half(), half[name])]
    assert len(changed) > 40  # all layers are trained, but float16 does not show every change
    full_folder = train.main([*arguments, "--alpha", "1"])
    full = load_file(full_folder / "model.safetensors")
    name = "blocks.12.pointwise.weight"
    expected = (initial[name] + full[name].float()) / 2
    torch.testing.assert_close(half[name].float(), expected, atol=1e-3, rtol=1e-2)
    extractor = Extractor.load("mobilenet", folder=full_folder, head=DescriptorHead(["mid-v1", "high-v1"]))
    assert np.linalg.norm(extractor(astronaut(60, 40))) == pytest.approx(1, abs=1e-5)


def test_more_pairs_than_classes_are_an_error(image_folder, tmp_path):
    arguments = ["network", "--network", "lite", "--photos", str(image_folder), "--out", str(tmp_path)]
    arguments += ["--held-out", str(image_folder), "--held-out-limit", "2"]
    with pytest.raises(SystemExit, match="more than 8 photos and 0 classes"):
        train.main([*arguments, "--batch", "4", "--class-pairs", "2"])


def test_efficientnet_lite_starts_from_its_package(monkeypatch):
    published = with_random_weights(EfficientNetLite()).state_dict()
    by_scale = {2: (published, "digest")}
    monkeypatch.setattr(distillation, "load_imagenet_weights", by_scale.__getitem__)
    network = EfficientNetLite()
    distillation.load_initial_weights(network, None)
    assert all(torch.equal(value, published[name]) for name, value in network.state_dict().items())
    with pytest.raises(ValueError, match="weights of MobileNetV1"):
        distillation.load_initial_weights(MobileNetV1(), None)
    trained = with_random_weights(EfficientNetLite(), 1)
    interpolated = distillation.interpolate_weights(network, trained, 0.5)
    x = torch.rand(1, 3, 64, 64)
    assert distillation.describe(interpolated, x, "spoc").shape == (1, 720 + 1280)


def test_mobilenet_starts_from_the_public_file_or_a_copy(tmp_path, monkeypatch):
    published = with_random_weights(MobileNetV1()).state_dict()
    requests = []

    def read(path, names):
        requests.append((path, names))
        return {f"{name}.{key}": published[f"{name}.{key}"] for name in names for key in ("weight", "bias")}

    monkeypatch.setattr(distillation, "read_convolutions", read)
    save_file(published, tmp_path / "copy.safetensors")
    for path in (tmp_path / "public.tflite", tmp_path / "copy.safetensors"):
        network = MobileNetV1()
        distillation.load_initial_weights(network, path)
        assert all(torch.equal(value, published[name]) for name, value in network.state_dict().items())
    ((path, names),) = requests
    assert path.name == "public.tflite"
    assert names[:3] == ["stem", "blocks.0.depthwise", "blocks.0.pointwise"]
