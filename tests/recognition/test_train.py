"""Training of classifiers and segmenters, end to end on a few synthetic images."""

import argparse
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch.nn import functional as F

from shared.core import weights
from shared.evaluation.segmentation import VOID
from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN
from shared.networks.layers import upsample
from shared.recognition import train
from shared.recognition.data.datasets import CAMVID_CLASSES, VOC_CLASSES
from shared.training.segmentation import (
    class_weights,
    deeplab_layers,
    initialize,
    initialize_from_deeplab,
    segmentation_loss,
)


def parse(*words: object) -> argparse.Namespace:
    return train.build_parser().parse_args([str(word) for word in words])


def test_rare_classes_have_larger_weights_and_the_mean_pixel_has_one():
    frequencies = np.array([0.9, 0.1, 0.0])
    weight = class_weights(frequencies)
    assert weight.dtype == torch.float32
    assert weight[0] < weight[1] < weight[2]
    assert float(weight.double().numpy() @ frequencies) == pytest.approx(1)
    assert (weight[1] / weight[0]).item() == pytest.approx(np.log(1.92) / np.log(1.12), rel=1e-5)


def test_pixels_without_a_class_have_no_loss():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    ids = torch.randint(0, 3, (2, 14, 18))
    ids[:, :, 8:] = VOID
    loss = segmentation_loss(logits, ids)
    upsampled = F.interpolate(logits, scale_factor=4, mode="bilinear")[:, :, :14, :8]
    torch.testing.assert_close(loss, F.cross_entropy(upsampled, ids[:, :, :8]))
    loss.backward()
    assert logits.grad[..., :2].any()
    assert not logits.grad[..., 3:].any()
    weight = torch.tensor([1.0, 2.0, 3.0])
    weighted = F.cross_entropy(upsampled, ids[:, :, :8], weight)
    torch.testing.assert_close(segmentation_loss(logits, ids, weight), weighted)


@pytest.fixture
def classify(image_folder, teacher_file, monkeypatch):
    """Return a function that trains for two steps on tiny views and returns the network."""
    monkeypatch.setattr(train, "STUDENT_SIZES", (32, 48))
    loop_settings = train.loop_settings
    monkeypatch.setattr(train, "loop_settings", lambda args: replace(loop_settings(args), checkpoint_every=1))

    def run(out, fusion="lc"):
        data = ("--teacher", teacher_file, "--images", image_folder, "--out", out, "--fusion", fusion)
        sizes = ("--steps", 2, "--side-steps", 1, "--batch", 2, "--rate", 1e-3)
        train.classify(parse("classify", *data, *sizes))
        return weights.load(CFN, "trained", folder=out / "weights")

    return run


def test_interrupted_training_ends_with_the_same_weights(classify, tmp_path, monkeypatch):
    uninterrupted = classify(tmp_path / "uninterrupted")
    sample_views = train.sample_views

    def interrupted(images, settings, seed):
        if seed == 1:
            raise KeyboardInterrupt
        return sample_views(images, settings, seed)

    monkeypatch.setattr(train, "sample_views", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classify(tmp_path / "interrupted")
    assert not (tmp_path / "interrupted" / "weights").exists()
    monkeypatch.setattr(train, "sample_views", sample_views)
    resumed = classify(tmp_path / "interrupted")
    for name, value in uninterrupted.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    with torch.inference_mode():
        assert resumed(torch.rand(1, 3, 32, 32)).isfinite().all()


def test_side_branches_train_alone_first(classify, tmp_path, monkeypatch):
    fit, changed_parts = train.fit, []

    def watched(network, *args):
        before = {name: value.clone() for name, value in network.state_dict().items()}
        trained = fit(network, *args)
        changed_parts.append(
            {
                name.split(".")[0]
                for name, value in network.state_dict().items()
                if (value != before[name]).any()
            }
        )
        return trained

    monkeypatch.setattr(train, "fit", watched)
    classify(tmp_path / "run")
    assert changed_parts == [{"sides", "fusion"}, {"base", "head", "sides", "fusion", "classifier"}]


def test_classifier_without_fusion(classify, tmp_path):
    network = classify(tmp_path / "run", fusion="none")
    assert network.fusion is None
    assert weights.read_config(tmp_path / "run" / "weights")["fusion"] == "none"


@pytest.fixture
def segmentation_sets(tmp_path):
    """Two images of a square in the layouts of PASCAL VOC and CamVid, and a backbone for ImageNet."""
    for index in range(2):
        image, mask = Image.new("RGB", (64, 48), "navy"), Image.new("L", (64, 48))
        box = (10 + 8 * index, 10, 40, 36)
        ImageDraw.Draw(image).rectangle(box, fill="orange")
        ImageDraw.Draw(mask).rectangle(box, fill=8, outline=VOID)
        for folder, content in (
            ("voc/images/train", image),
            ("voc/labels/train", mask),
            ("pseudo/images", image),
            ("pseudo/labels", mask),
            ("camvid/train", image),
            ("camvid/trainannot", mask.point(lambda level: min(level, len(CAMVID_CLASSES)))),
        ):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            content.save(tmp_path / folder / f"{index}.png")
    torch.manual_seed(0)
    save_file(MobileNetV2Backbone().state_dict(), tmp_path / "base.safetensors")
    return tmp_path


def segment(root, *options, data="voc", start="base.safetensors", out="run"):
    """Train for two steps; return the network and its configuration."""
    paths = ("--data", root / data, "--start", root / start, "--out", root / out)
    sizes = ("--steps", 2, "--batch", 2, "--crop-size", 32, "--inference-size", 200, "--scale", 1.0)
    train.segment(parse("segment", *paths, *sizes, *options))
    folder = root / out / "weights"
    return weights.load(FCFN, "trained", folder=folder), weights.read_config(folder)


def test_segmenter_learns_from_annotations_and_pseudo_labels_then_other_classes(segmentation_sets):
    pseudo = ("--pseudo", segmentation_sets / "pseudo", "--pseudo-per-batch", 1)
    network, config = segment(segmentation_sets, *pseudo, "--balanced")
    assert network.fusion.weight.shape == (4, 21)
    assert (tuple(config["labels"]), config["background"], config["size"]) == (VOC_CLASSES, 0, 200)
    streets, config = segment(segmentation_sets, data="camvid", start="run/weights", out="next")
    assert streets.fusion.weight.shape == (4, 11)
    assert (tuple(config["labels"]), config["background"]) == (CAMVID_CLASSES, None)


def test_segmenter_starts_with_all_tensors_of_the_same_shape(segmentation_sets, tmp_path):
    torch.manual_seed(1)
    trained, network = FCFN(classes=3), FCFN(classes=5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folder = weights.save(trained, tmp_path / "trained", half=False)
    initialize(network, folder)
    for name, value in network.state_dict().items():
        if name.startswith(("branches", "fusion")):
            assert torch.equal(value, before[name]), name
        else:
            assert torch.equal(value, trained.state_dict()[name]), name
    copy = FCFN(classes=3)
    initialize(copy, folder)
    for name, value in copy.state_dict().items():
        assert torch.equal(value, trained.state_dict()[name]), name
    initialize(copy, segmentation_sets / "base.safetensors")
    assert not torch.equal(copy.base.stem.weight, trained.base.stem.weight)
    assert torch.equal(copy.top.weight, trained.top.weight)


def test_dilated_segmenter_starts_with_the_outputs_of_deeplab():
    torch.manual_seed(2)
    network = FCFN(classes=5, dilated=True)
    shapes = {name.removesuffix(".weight"): value.shape for name, value in network.state_dict().items()}
    shapes["scores"] = shapes["branches.3"]
    tensors = {}
    for layer in deeplab_layers():
        tensors[f"{layer}.weight"] = torch.randn(shapes[layer]) / shapes[layer][1:].numel() ** 0.5
        tensors[f"{layer}.bias"] = torch.randn(shapes[layer][0])
    initialize_from_deeplab(network, tensors)
    for name, value in tensors.items():
        assert torch.equal(network.state_dict()[name.replace("scores", "branches.3")], value), name
    scores = []
    network.branches[-1].register_forward_hook(lambda *args: scores.append(args[-1]))
    with torch.inference_mode():
        logits = network(torch.rand(1, 3, 64, 64))
    assert scores[0].std() > 0
    torch.testing.assert_close(logits, upsample(scores[0], (16, 16), 4))
    expected = {
        name for name in network.state_dict() if not name.startswith(("merges", "branches", "fusion"))
    }
    assert expected <= set(tensors)
