"""The recipe for edges, end to end on a tiny data set."""

import argparse
import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from shared.core import weights
from shared.edges import train
from shared.networks.rds import RDS


@pytest.fixture
def data(tmp_path):
    """Two images of a rectangle, in the layouts of BSDS500, a segmentation set, and soft maps."""
    index = {}
    for k in range(2):
        image, mask = Image.new("RGB", (64, 48), "navy"), Image.new("L", (64, 48))
        box = (10 + 8 * k, 10, 40, 36)
        ImageDraw.Draw(image).rectangle(box, fill="orange")
        ImageDraw.Draw(mask).rectangle(box, fill=12)
        outline = Image.new("1", (64, 48))
        ImageDraw.Draw(outline).rectangle(box, outline=1)
        stacked = np.concatenate([np.asarray(outline)] * 3)
        for folder, contents in (
            ("images/train", image),
            ("labels/train", mask),
            ("boundaries/train", Image.fromarray(stacked)),
            ("soft/images", image),
            ("soft/maps", outline.convert("L")),
        ):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            contents.save(tmp_path / folder / f"{k}.png")
        image.save(tmp_path / "images/train" / f"{k}.jpg")
        (tmp_path / "images/train" / f"{k}.png").unlink()
        index[str(k)] = {"split": "train", "height": 48, "width": 64, "annotators": 3}
    (tmp_path / "index.json").write_text(json.dumps(index))
    return tmp_path


def options(data, **changes):
    common = {
        "network": "rds",
        "base": "mobilenet_v2",
        "start": None,
        "soft": None,
        "steps": 2,
        "batch": 2,
        "size": 32,
        "rate": 1e-3,
        "device": "cpu",
        "seed": 0,
        "workers": 1,
        "coarse": None,
        "coarse_scale": 1.0,
        "data": data,
        "split": "train",
        "labels": "plain",
        "loss": "relaxed",
        "detector": None,
    }
    return argparse.Namespace(**{**common, **changes})


def test_pretraining_then_fine_tuning_with_every_kind_of_labels(data):
    pre = data / "runs" / "pre"
    train.pretrain(options(data, coarse=data, soft=data / "soft", out=pre))
    start = pre / "weights"
    for labels, loss in (("plain", "balanced"), ("canny", "relaxed"), ("soft", "relaxed")):
        out = data / "runs" / labels
        paths = {"start": start, "detector": str(start), "soft": data / "soft", "out": out}
        train.finetune(options(data, labels=labels, loss=loss, **paths))
        network = weights.load(RDS, "trained", folder=out / "weights")
        with torch.inference_mode():
            assert network(torch.rand(1, 3, 32, 32)).isfinite().all()


def test_pretraining_needs_data(data):
    with pytest.raises(SystemExit, match="--coarse"):
        train.pretrain(options(data, out=data / "none"))


def test_soft_labels_need_a_detector(data):
    with pytest.raises(SystemExit, match="--detector"):
        train.finetune(options(data, labels="soft", out=data / "none"))


def test_training_starts_from_imagenet_weights_of_the_backbone(tmp_path):
    from safetensors.torch import save_file

    backbone = RDS().net.base.state_dict()
    state = {name: torch.full_like(value, 0.5, dtype=torch.float16) for name, value in backbone.items()}
    state["classifier.bias"] = torch.zeros(1001, dtype=torch.float16)
    save_file(state, tmp_path / "imagenet.safetensors")
    for kind in ("rds", "fcfn"):
        network = train.new_network(kind, "mobilenet_v2", tmp_path / "imagenet.safetensors")
        assert all((value == 0.5).all() for value in network.net.base.state_dict().values())


def test_an_fcfn_takes_the_weights_that_it_shares_with_rds(tmp_path):
    rds = RDS()
    weights.save(rds, tmp_path)
    network = train.new_network("fcfn", "mobilenet_v2", tmp_path)
    expected = rds.net.state_dict()
    for name, value in network.net.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-3), name
