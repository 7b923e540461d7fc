"""ImageNet teacher of the classifiers: MobileNetV2 as published, with its padding."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.cfn import CFN
from shared.networks.layers import global_average_pool
from shared.training.pretrained import load_backbone_weights


class Teacher(nn.Module):
    """MobileNetV2 for ImageNet, frozen.

    Args:
        path: Safetensors file with `stem`, `blocks`, `head` and `classifier` (1001 rows, the first of which
            is the background, as in TensorFlow's releases).

    Shape:
        input `[B, 3, 224, 224]`, RGB in 0..1; output logits of the 1000 classes.
    """

    SIZE = 224
    #: Layers that a CFN has, too, under the same names.
    SHARED_LAYERS = ("base", "head", "classifier")

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.base = MobileNetV2Backbone(depth=17)
        self.head = nn.Conv2d(320, CFN.FEATURE_CHANNELS, 1)
        self.classifier = nn.Linear(CFN.FEATURE_CHANNELS, 1000)
        load_backbone_weights(self.base, path)
        tensors = load_file(path)
        self.head.load_state_dict({key: tensors[f"head.{key}"].float() for key in ("weight", "bias")})
        self.classifier.load_state_dict(
            {key: tensors[f"classifier.{key}"][1:].float() for key in ("weight", "bias")}
        )
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        features = global_average_pool(F.relu6(self.head(self.base(x * 2 - 1)[-1])))
        logits: Tensor = self.classifier(features)
        return logits

    def initialize(self, student: CFN) -> CFN:
        """Copy the teacher's weights into all layers of a student but its side branches.

        A student whose side branches have weight 0 then gives the teacher's outputs.

        Args:
            student: CFN of 1000 classes; changed in place.

        Returns:
            The student.
        """
        for layer in self.SHARED_LAYERS:
            student.get_submodule(layer).load_state_dict(self.get_submodule(layer).state_dict())
        return student
