"""Fine-tuning of networks: what the losses ask for, where it starts, a training of two steps."""

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
from tests.predictors import lively, photo


def test_contrast_sees_through_what_all_have_in_common():
    x = torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    alike = x + 0.1 * torch.randn(8, 20, generator=torch.Generator().manual_seed(1))
    near = distillation.contrast_loss(x, alike)
    torch.testing.assert_close(distillation.contrast_loss(x + 100, alike + 100), near, atol=1e-3, rtol=1e-3)
    assert near < 0.01 < 1 < distillation.contrast_loss(x, alike.roll(1, 0))


def test_a_mixture_lies_between():
    start, trained = lively(MobileNetV1(), 0), lively(MobileNetV1(), 1)
    for share in (0.0, 0.25, 1.0):
        mixed = distillation.mix(start, trained, share).state_dict()
        for name, first in start.state_dict().items():
            expected = (1 - share) * first + share * trained.state_dict()[name]
            torch.testing.assert_close(mixed[name], expected)


def test_scores_tell_pairs_from_strangers(small, photo_folder):
    network = lively(MobileNetV1())
    pictures = [whole for whole, _ in sample_pairs(read_images([photo_folder])[:4])]
    same = distillation.score(network, [(one, one) for one in pictures])
    assert list(same) == ["found, end", "contrast, end", "found, symmetric", "contrast, symmetric"]
    assert same["found, end"] == same["found, symmetric"] == 1
    wrong = distillation.score(network, list(zip(pictures, [*pictures[1:], pictures[0]], strict=True)))
    assert wrong["found, end"] == wrong["found, symmetric"] == 0
    assert wrong["contrast, end"] > same["contrast, end"]


def test_a_network_is_trained_from_the_command_line(small, photo_folder, tmp_path, capsys):
    start = lively(MobileNetV1())
    save_file(start.state_dict(), tmp_path / "start.safetensors")
    arguments = ["network", "--start", str(tmp_path / "start.safetensors"), "--photos", str(photo_folder)]
    arguments += ["--aside", str(photo_folder), "--aside-limit", "2"]
    arguments += ["--batch", "2", "--steps", "4", "--until", "2"]
    folder = train.main([*arguments, "--out", str(tmp_path / "run"), "--rate", "1e-3", "--share", "0.5"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == ["0.00", "0.50", "1.00"]
    assert all("'found, symmetric'" in line for line in lines)
    half = load_file(folder / "model.safetensors")
    moved = [name for name, value in start.state_dict().items() if not torch.equal(value.half(), half[name])]
    assert len(moved) > 40  # every layer learns, but weights may move less than float16 can tell
    again = train.main([*arguments, "--out", str(tmp_path / "run"), "--rate", "1e-3", "--share", "1"])
    whole = load_file(again / "model.safetensors")
    name = "blocks.12.pointwise.weight"
    torch.testing.assert_close(
        half[name].float(), (start.state_dict()[name] + whole[name].float()) / 2, atol=1e-3, rtol=1e-2
    )
    extractor = Extractor.load("mobilenet", folder=again, head=DescriptorHead(["mid-v1", "high-v1"]))
    assert np.linalg.norm(extractor(photo(60, 40))) == pytest.approx(1, abs=1e-5)


def test_more_pairs_than_kinds_are_refused(small, photo_folder, tmp_path):
    arguments = [
        "network",
        "--network",
        "lite",
        "--photos",
        str(photo_folder),
        "--out",
        str(tmp_path / "run"),
    ]
    arguments += ["--aside", str(photo_folder), "--aside-limit", "2", "--batch", "4", "--same-count", "2"]
    with pytest.raises(SystemExit, match="more than 8 photos and 0 kinds"):
        train.main(arguments)


def test_the_larger_network_starts_from_its_package(monkeypatch):
    given = lively(EfficientNetLite()).state_dict()
    monkeypatch.setattr(
        distillation, "load_imagenet_weights", lambda scale: (given if scale == 2 else {}, "")
    )
    network = EfficientNetLite()
    distillation.start_network(network, None)
    assert all(torch.equal(value, given[name]) for name, value in network.state_dict().items())
    with pytest.raises(ValueError, match="weights of MobileNetV1"):
        distillation.start_network(MobileNetV1(), None)
    mixed = distillation.mix(network, lively(EfficientNetLite(), 1), 0.5)
    x = torch.rand(1, 3, 64, 64)
    assert distillation.describe(mixed, x, "spoc").shape == (1, 720 + 1280)


def test_a_network_starts_from_the_public_file_or_from_a_copy_of_it(tmp_path, monkeypatch):
    given = lively(MobileNetV1()).state_dict()
    asked = []

    def read(path, names):
        asked.append((path, names))
        return {f"{name}.{key}": given[f"{name}.{key}"] for name in names for key in ("weight", "bias")}

    monkeypatch.setattr(distillation, "read_convolutions", read)
    save_file(given, tmp_path / "copy.safetensors")
    for path in (tmp_path / "public.tflite", tmp_path / "copy.safetensors"):
        network = MobileNetV1()
        distillation.start_network(network, path)
        assert all(torch.equal(value, given[name]) for name, value in network.state_dict().items())
    ((path, names),) = asked
    assert path.name == "public.tflite"
    assert names[:3] == ["stem", "blocks.0.depthwise", "blocks.0.pointwise"]
