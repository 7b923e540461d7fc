"""The recipes for classifiers and segmenters, end to end on a few made-up pictures."""

import argparse
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch.nn import functional as F

from shared.core import weights
from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN
from shared.networks.layers import upsample
from shared.recognition import train
from shared.recognition.data.datasets import CAMVID_CLASSES, VOC_CLASSES, VOID


def test_distillation_is_the_distance_of_softened_answers():
    pupil, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * np.log(3.0), 0.0]])
    # At temperature 2 the teacher says 3/4 and 1/4, the pupil 1/2 and 1/2.
    distance = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert train.distillation_loss(pupil, teacher).item() == pytest.approx(4 * distance, rel=1e-5)
    both = train.distillation_loss(torch.cat([pupil, teacher]), torch.cat([teacher, teacher]))
    assert both.item() == pytest.approx(2 * distance, rel=1e-5)


def test_distillation_pulls_towards_the_teacher_at_every_temperature():
    torch.manual_seed(0)
    pupil, teacher = torch.randn(4, 10, requires_grad=True), torch.randn(4, 10)
    for temperature in (1.0, 2.0, 5.0):
        (gradient,) = torch.autograd.grad(train.distillation_loss(pupil, teacher, temperature), pupil)
        apart = (pupil / temperature).softmax(1) - (teacher / temperature).softmax(1)
        torch.testing.assert_close(gradient, apart * temperature / 4)


def test_rare_classes_weigh_more_and_the_average_pixel_one():
    shares = np.array([0.9, 0.1, 0.0])
    weight = train.class_weights(shares)
    assert weight.dtype == torch.float32
    assert weight[0] < weight[1] < weight[2]
    assert float(weight.double().numpy() @ shares) == pytest.approx(1)
    assert (weight[1] / weight[0]).item() == pytest.approx(np.log(1.92) / np.log(1.12), rel=1e-5)


def test_pixels_without_a_class_do_not_count():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    ids = torch.randint(0, 3, (2, 14, 18))
    ids[:, :, 8:] = VOID
    loss = train.segmentation_loss(logits, ids)
    enlarged = F.interpolate(logits, scale_factor=4, mode="bilinear")[:, :, :14, :8]
    torch.testing.assert_close(loss, F.cross_entropy(enlarged, ids[:, :, :8]))
    loss.backward()
    assert logits.grad[..., :2].any()
    assert not logits.grad[..., 3:].any()
    weight = torch.tensor([1.0, 2.0, 3.0])
    weighted = F.cross_entropy(enlarged, ids[:, :, :8], weight)
    torch.testing.assert_close(train.segmentation_loss(logits, ids, weight), weighted)


@pytest.fixture
def classify(photo_folder, teacher_file, monkeypatch):
    """Runs the recipe for two steps on tiny views, with a checkpoint after each; gives the network."""
    monkeypatch.setattr(train, "SIZES", (32, 48))
    settings = train.settings
    monkeypatch.setattr(train, "settings", lambda args: replace(settings(args), checkpoint_every=1))

    def run(out, fusion="lc", side_steps=1):
        options = {"teacher": teacher_file, "photos": [photo_folder], "out": out, "fusion": fusion}
        options |= {"side_steps": side_steps, "side_rate": 1e-3}
        common = {"steps": 2, "batch": 2, "rate": 1e-3, "device": "cpu", "seed": 0, "workers": 1}
        train.classify(argparse.Namespace(**options, **common))
        return weights.load(CFN, "trained", folder=out / "weights")

    return run


def test_a_classifier_that_was_interrupted_ends_with_the_same_weights(classify, tmp_path, monkeypatch):
    whole = classify(tmp_path / "whole")
    sample_views = train.sample_views

    def broken(*args, seed, **settings):
        if seed == 1:
            raise KeyboardInterrupt
        return sample_views(*args, seed=seed, **settings)

    monkeypatch.setattr(train, "sample_views", broken)
    with pytest.raises(KeyboardInterrupt):
        classify(tmp_path / "broken")
    assert not (tmp_path / "broken" / "weights").exists()
    monkeypatch.setattr(train, "sample_views", sample_views)
    resumed = classify(tmp_path / "broken")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    with torch.inference_mode():
        assert resumed(torch.rand(1, 3, 32, 32)).isfinite().all()


def test_the_side_branches_first_learn_alone(classify, tmp_path, teacher_file, monkeypatch):
    fit, seen = train.fit, []

    def watched(network, *args):
        before = {name: value.clone() for name, value in network.state_dict().items()}
        trained = fit(network, *args)
        changed = {
            name.split(".")[0]
            for name, value in network.state_dict().items()
            if (value != before[name]).any()
        }
        seen.append(changed)
        return trained

    monkeypatch.setattr(train, "fit", watched)
    classify(tmp_path / "run")
    assert seen == [{"sides", "fusion"}, {"base", "head", "sides", "fusion", "classifier"}]


def test_a_plain_classifier_is_trained_by_the_same_recipe(classify, tmp_path):
    network = classify(tmp_path / "run", fusion="none")
    assert network.fusion is None
    assert weights.read_config(tmp_path / "run" / "weights")["fusion"] == "none"


@pytest.fixture
def masks(tmp_path):
    """Two photos of a square, in PASCAL VOC's layout and in CamVid's, and a base for ImageNet."""
    for number in range(2):
        photo, mask = Image.new("RGB", (64, 48), "navy"), Image.new("L", (64, 48))
        box = (10 + 8 * number, 10, 40, 36)
        ImageDraw.Draw(photo).rectangle(box, fill="orange")
        ImageDraw.Draw(mask).rectangle(box, fill=8, outline=VOID)
        for folder, picture in (
            ("voc/images/train", photo),
            ("voc/labels/train", mask),
            ("made/images", photo),
            ("made/labels", mask),
            ("camvid/train", photo),
            ("camvid/trainannot", mask.point(lambda level: min(level, len(CAMVID_CLASSES)))),
        ):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / folder / f"{number}.png")
    torch.manual_seed(0)
    save_file(MobileNetV2Backbone().state_dict(), tmp_path / "base.safetensors")
    return tmp_path


def segment(root, **given):
    common = {
        "data": root / "voc",
        "split": "train",
        "pseudo": None,
        "made": 1,
        "start": root / "base.safetensors",
        "fuse": "scores",
        "fusion": "lc",
        "scale": 1.0,
        "size": 32,
        "seen": 200,
        "balanced": False,
        "dilated": False,
        "out": root / "run",
        "steps": 2,
        "batch": 2,
        "rate": 1e-3,
        "device": "cpu",
        "seed": 0,
        "workers": 1,
    }
    options = argparse.Namespace(**{**common, **given})
    train.segment(options)
    folder = options.out / "weights"
    return weights.load(FCFN, "trained", folder=folder), weights.read_config(folder)


def test_a_segmenter_learns_from_drawn_and_made_masks_then_from_other_classes(masks):
    network, config = segment(masks, pseudo=masks / "made", balanced=True)
    assert network.fusion.weight.shape == (4, 21)
    assert (tuple(config["labels"]), config["background"], config["size"]) == (VOC_CLASSES, 0, 200)
    streets, config = segment(
        masks, data=masks / "camvid", start=masks / "run" / "weights", out=masks / "next"
    )
    assert streets.fusion.weight.shape == (4, 11)
    assert (tuple(config["labels"]), config["background"]) == (CAMVID_CLASSES, None)


def test_a_segmenter_starts_from_all_that_fits(masks, tmp_path):
    torch.manual_seed(1)
    given, network = FCFN(classes=3), FCFN(classes=5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folder = weights.save(given, tmp_path / "given", half=False)
    train.start_network(network, folder)
    for name, value in network.state_dict().items():
        if name.startswith(("branches", "fusion")):
            assert torch.equal(value, before[name]), name
        else:
            assert torch.equal(value, given.state_dict()[name]), name
    same = FCFN(classes=3)
    train.start_network(same, folder)
    for name, value in same.state_dict().items():
        assert torch.equal(value, given.state_dict()[name]), name
    train.start_network(same, masks / "base.safetensors")
    assert not torch.equal(same.base.stem.weight, given.base.stem.weight)
    assert torch.equal(same.top.weight, given.top.weight)


def test_a_dilated_segmenter_starts_as_deeplab():
    torch.manual_seed(2)
    network = FCFN(classes=5, dilated=True)
    sizes = {name.removesuffix(".weight"): value.shape for name, value in network.state_dict().items()}
    sizes["scores"] = sizes["branches.3"]
    given = {}
    for name in train.deeplab_names():
        given[f"{name}.weight"] = torch.randn(sizes[name]) / sizes[name][1:].numel() ** 0.5
        given[f"{name}.bias"] = torch.randn(sizes[name][0])
    train.start_as_deeplab(network, given)
    for name, value in given.items():
        own = name.replace("scores", "branches.3")
        assert torch.equal(network.state_dict()[own], value), name
    scores = []
    network.branches[-1].register_forward_hook(lambda *args: scores.append(args[-1]))
    with torch.inference_mode():
        out = network(torch.rand(1, 3, 64, 64))
    assert scores[0].std() > 0
    torch.testing.assert_close(out, upsample(scores[0], (16, 16), 4))
    expected = {
        name for name in network.state_dict() if not name.startswith(("merges", "branches", "fusion"))
    }
    assert expected <= set(given)
