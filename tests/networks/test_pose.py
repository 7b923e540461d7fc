"""Body joints: targets, decoding, loss and network."""

import pytest
import torch

from shared.networks.pose import JOINTS, MIRRORED, STRIDE, PoseNetwork, joint_loss, joint_maps, locate_joints


def joints(seed=0, height=64, width=48):
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(2, len(JOINTS), 2, generator=generator) * torch.tensor([width - 9, height - 9]) + 4
    return torch.cat([places, torch.ones(2, len(JOINTS), 1)], -1)


def test_joints_are_located_in_their_own_maps():
    truth = joints()
    located = locate_joints(joint_maps(truth, 64, 48, deviation=1.5))
    assert (located[..., :2] - truth[..., :2]).abs().max() < 0.2
    assert located[..., 2].min() > 0.9


def test_a_joint_without_a_score_has_an_empty_map():
    truth = joints()
    truth[0, 3, 2] = 0
    maps = joint_maps(truth, 64, 48, deviation=1.5)
    assert maps[0, 3].max() == 0
    assert locate_joints(maps)[0, 3, 2] == 0
    assert torch.isfinite(locate_joints(maps)).all()


def test_the_loss_ignores_unknown_joints():
    targets = joint_maps(joints(), 64, 48, deviation=1.5)
    logits = torch.logit(targets.clamp(1e-4, 1 - 1e-4))
    weights = torch.ones(2, len(JOINTS))
    assert joint_loss(logits, targets, weights) < 1e-3
    logits[:, 5] = 3
    assert joint_loss(logits, targets, weights) > 10
    weights[:, 5] = 0
    assert joint_loss(logits, targets, weights) < 1e-3
    assert joint_loss(logits, targets, 0 * weights) == 0


def test_mirroring_twice_changes_nothing():
    assert [MIRRORED[index] for index in MIRRORED] == list(range(len(JOINTS)))
    assert JOINTS[MIRRORED[JOINTS.index("left_wrist")]] == "right_wrist"
    assert JOINTS[MIRRORED[0]] == "nose"


@pytest.mark.parametrize(("height", "width"), [(256, 192), (65, 33), (1, 1)])
def test_maps_have_a_quarter_of_the_size(height, width):
    network = PoseNetwork().eval()
    with torch.inference_mode():
        maps = network(torch.rand(1, 3, height, width))
    assert tuple(maps.shape) == (1, len(JOINTS), -(-height // STRIDE), -(-width // STRIDE))
    assert maps.sigmoid().mean() < 0.1


def test_the_network_is_small():
    assert sum(parameter.numel() for parameter in PoseNetwork().parameters()) < 2_000_000
