"""The ImageNet teacher of the classifiers: MobileNetV2 as it was published, padding and all."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.cfn import CFN, global_average_pool
from shared.training.pretrained import load_backbone_weights


class Teacher(nn.Module):
    """MobileNetV2 for ImageNet.

    Args:
        path: safetensors file with `stem`, `blocks`, `head` and `classifier` (1001 rows, the first of which
            is the background, as in TensorFlow's releases).

    Shape:
        input `[B, 3, 224, 224]`, RGB in 0..1; output logits of the 1000 classes.
    """

    SIZE = 224

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.base = MobileNetV2Backbone(depth=17)
        self.head = nn.Conv2d(320, CFN.FEATURE_CHANNELS, 1)
        self.classifier = nn.Linear(CFN.FEATURE_CHANNELS, 1000)
        load_backbone_weights(self.base, path)
        given = load_file(path)
        self.head.load_state_dict({name: given[f"head.{name}"].float() for name in ("weight", "bias")})
        self.classifier.load_state_dict(
            {name: given[f"classifier.{name}"][1:].float() for name in ("weight", "bias")}
        )
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(global_average_pool(F.relu6(self.head(self.base(x * 2 - 1)[-1]))))

    def start(self, network: CFN) -> CFN:
        """Gives a CFN of 1000 classes the teacher's weights in all layers but the side branches.

        With side branches of weight 0 it then answers as the teacher does.
        """
        for part in ("base", "head", "classifier"):
            getattr(network, part).load_state_dict(getattr(self, part).state_dict())
        return network
