"""Body joints of a person: heat maps of 17 joints from an image.

Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018: an ImageNet network, maps
of a quarter of the image's size, and a Gaussian around every joint as the target. A top-down pathway (Lin et
al., "Feature Pyramid Networks for Object Detection", CVPR 2017) stands in for the transposed convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.hub_mixin import HubMixin
from shared.networks.layers import TopDownBlock

#: Joints in the order of the channels, as COCO names them.
JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
#: Channels of the mirror image of a person.
MIRRORED = tuple(
    JOINTS.index(name.replace("left", "right") if name.startswith("left") else name.replace("right", "left"))
    for name in JOINTS
)
STRIDE = 4  # of the heat maps in pixels


def joint_maps(joints: Tensor, height: int, width: int, *, deviation: float) -> Tensor:
    """Return a Gaussian map of every joint, with a peak of 1.

    Args:
        joints: `[B, J, 3]`: x and y in cells of the map (a cell's center is a whole number) and a score; maps
            of joints with a score of 0 are 0.
        height: Rows of the maps.
        width: Columns of the maps.
        deviation: Standard deviation of the Gaussian in cells.

    Returns:
        `[B, J, height, width]`, 0..1.
    """
    columns = torch.arange(width, device=joints.device, dtype=joints.dtype)
    rows = torch.arange(height, device=joints.device, dtype=joints.dtype)
    x, y, score = joints.unbind(-1)
    across = torch.exp(-(columns - x[..., None]).square() / (2 * deviation**2))
    down = torch.exp(-(rows - y[..., None]).square() / (2 * deviation**2))
    return down[..., :, None] * across[..., None, :] * (score > 0)[..., None, None]


def locate_joints(maps: Tensor, *, radius: int = 2) -> Tensor:
    """Return the joints of heat maps: the peak, refined to the center of gravity around it.

    Args:
        maps: `[B, J, H, W]`, 0 or above.
        radius: Cells around the peak that the center of gravity takes in.

    Returns:
        `[B, J, 3]`: x and y in cells of the maps, and the value of the peak.

    >>> joints = torch.tensor([[[5.25, 3.0, 1.0]]])
    >>> maps = joint_maps(joints, 9, 12, deviation=1.0)
    >>> [round(value, 1) for value in locate_joints(maps)[0, 0, :2].tolist()]
    [5.2, 3.0]
    """
    height, width = maps.shape[-2:]
    peaks, indices = maps.flatten(2).max(2)
    x, y = indices % width, indices // width
    columns = torch.arange(width, device=maps.device)
    rows = torch.arange(height, device=maps.device)
    near_x = (columns - x[..., None]).abs() <= radius
    near_y = (rows - y[..., None]).abs() <= radius
    weights = maps * near_y[..., :, None] * near_x[..., None, :]
    total = weights.sum((2, 3)).clamp(min=1e-6)
    center_x = (weights.sum(2) * columns).sum(2) / total
    center_y = (weights.sum(3) * rows).sum(2) / total
    flat = peaks <= 0  # a map without a peak has no center of gravity
    return torch.stack([torch.where(flat, x, center_x), torch.where(flat, y, center_y), peaks], -1)


def joint_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the mean squared difference of heat maps and targets.

    Args:
        logits: `[B, J, H, W]`; the heat maps are their sigmoid.
        targets: Gaussian maps of the same shape.
        weights: Weight of every joint, `[B, J]`; 0 for joints whose place nobody knows.

    Returns:
        A scalar: the weighted mean over joints of sums over cells, which do not shrink with the size.
    """
    errors = (logits.sigmoid() - targets).square().sum((2, 3))
    return (errors * weights).sum() / weights.sum().clamp(min=1e-6)


class PoseNetwork(
    nn.Module,
    HubMixin,
    pipeline_tag="keypoint-detection",
    tags=["human-pose-estimation"],
):
    """Heat maps of the joints of one person.

    Args:
        joints: Number of joints, J.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1, the person upright and filling the height, learned at 256 x 192;
        output logits `[B, J, ceil(H / 4), ceil(W / 4)]`.
    """

    WIDTHS = (96, 64, 48)  # of the top-down pathway at strides 16, 8, 4

    def __init__(self, joints: int = len(JOINTS)) -> None:
        super().__init__()
        self.base = MobileNetV2Backbone(depth=16)
        _, finest, *widths, top = self.base.widths
        laterals = [*reversed(widths), finest]
        self.top = nn.Conv2d(top, self.WIDTHS[0], 1)
        self.path = nn.ModuleList(
            TopDownBlock(lateral, coarse, width)
            for lateral, coarse, width in zip(
                laterals, (self.WIDTHS[0], *self.WIDTHS), self.WIDTHS, strict=False
            )
        )
        self.mix = nn.Conv2d(self.WIDTHS[-1], self.WIDTHS[-1], 3, padding=1)
        self.last = nn.Conv2d(self.WIDTHS[-1], joints, 1)
        bias: Tensor = self.last.get_parameter("bias")
        nn.init.constant_(bias, -4.0)  # maps are nearly empty everywhere

    def forward(self, x: Tensor) -> Tensor:
        _, *laterals, coarsest = self.base(x * 2 - 1)
        y = F.relu(self.top(coarsest))
        for block, lateral in zip(self.path, reversed(laterals), strict=True):
            y = block(lateral, y)
        logits: Tensor = self.last(F.relu(self.mix(y)))
        return logits
