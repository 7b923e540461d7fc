"""SwapGAN: shapes, sizes, composition outside the mask, and the paths of gradients."""

import pytest
import torch

from shared.networks.swapgan import (
    CLASSES,
    GARMENTS,
    JOINTS,
    AppearanceEncoder,
    PairDiscriminator,
    SwapGAN,
    SwapInputs,
    mask_consistency,
)

SMALL = {"channels": (4, 8, 8), "blocks": 1, "codes": 4}


def inputs(batch=2, height=48, width=32):
    torch.manual_seed(0)

    def maps(channels, stride=1):
        return torch.rand(batch, channels, height // stride, width // stride)

    mask = torch.zeros(batch, 1, height, width)
    mask[..., 16:32, 8:24] = 1
    classes = torch.nn.functional.one_hot(torch.randint(0, CLASSES, (batch, height, width)), CLASSES)
    garments = torch.zeros(batch, GARMENTS, height, width)
    garments[:, :1] = mask
    return SwapInputs(
        reference=maps(3) * 2 - 1,
        classes=classes.permute(0, 3, 1, 2).float(),
        mask=mask,
        shading=maps(1),
        pose=maps(JOINTS),
        person=maps(4),
        fabric=torch.cat([maps(3) * 2 - 1, mask], 1) * mask,
        source=maps(3) * 2 - 1,
        source_masks=maps(GARMENTS, 4),
        garment_masks=garments,
    )


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def total_gradient(network):
    return sum(p.grad.abs().sum().item() for p in network.parameters() if p.grad is not None)


def test_the_default_has_between_two_and_four_million_parameters():
    assert 2e6 < count(SwapGAN()) < 4e6
    assert count(SwapGAN(mask=False)) < count(SwapGAN())
    assert count(SwapGAN(pose=False)) < count(SwapGAN())


@pytest.mark.parametrize("size", [(48, 32), (192, 128)])
def test_shapes_and_ranges(size):
    batch = inputs(2, *size)
    outputs = SwapGAN(**SMALL)(batch)
    assert outputs.person.shape == outputs.image.shape == (2, 3, *size)
    assert outputs.classes.shape == (2, CLASSES, *size)
    assert outputs.image.abs().max() <= 1


def test_outside_the_mask_the_reference_stays_exactly():
    batch = inputs()
    image = SwapGAN(**SMALL)(batch).image
    outside = (batch.mask == 0).expand_as(image)
    assert torch.equal(image[outside], batch.reference[outside])
    assert not torch.allclose(image[~outside], batch.reference[~outside], atol=0.05)


def test_the_reference_under_the_mask_is_hidden_from_the_generators():
    batch = inputs()
    network = SwapGAN(**SMALL).eval()
    changed = batch._replace(reference=torch.lerp(batch.reference, -batch.reference, batch.mask))
    assert torch.allclose(network(batch).image * batch.mask, network(changed).image * batch.mask, atol=1e-6)


def test_an_untrained_network_passes_the_fabric_on():
    """The initial bias of the choice between fabric and painted colors is in favor of the fabric."""
    batch = inputs()
    image = SwapGAN(**SMALL)(batch).image
    inside = batch.mask.expand_as(image) == 1
    x, y = image[inside], batch.fabric[:, :3][inside]
    assert torch.corrcoef(torch.stack([x, y]))[0, 1] > 0.8


def test_parts_can_be_left_out():
    batch = inputs()
    outputs = SwapGAN(**SMALL, pose=False, mask=False)(batch)
    assert outputs.classes is None
    assert outputs.image.shape == batch.reference.shape
    network = SwapGAN(**SMALL, pose=False)
    moved = batch._replace(pose=1 - batch.pose)
    assert torch.equal(network(batch).image, network(moved).image)


@pytest.mark.parametrize(
    ("part", "reached"),
    [
        ("person", {"generator_1"}),
        ("image", {"generator_1", "generator_2", "encoder"}),
        ("classes", {"generator_1", "generator_2", "generator_3", "encoder"}),
    ],
)
def test_gradients_reach_the_generators_before_an_output(part, reached):
    network = SwapGAN(**SMALL)
    getattr(network(inputs()), part).square().mean().backward()
    for name in ("generator_1", "generator_2", "generator_3", "encoder"):
        assert (total_gradient(getattr(network, name)) > 0) == (name in reached), name


def test_appearance_codes_are_means_over_the_garment():
    encoder = AppearanceEncoder(4).eval()
    source = torch.rand(1, 3, 32, 32)
    masks = torch.zeros(1, 2, 8, 8)
    masks[:, 0, 2:6, 2:6] = 1
    codes = encoder(source, masks)
    maps = torch.tanh(encoder.layers(source))
    assert torch.allclose(codes[0, 0], maps[0, :, 2:6, 2:6].mean((1, 2)), atol=1e-5)
    assert codes[0, 1].abs().max() == 0  # a garment that is not there has no code


def test_the_discriminator_sees_image_and_pose():
    network = PairDiscriminator(channels=4)
    image, pose = torch.randn(1, 3, 64, 64), torch.rand(1, JOINTS, 64, 64)
    scores = network(image, pose)
    assert scores.shape == (1, 1, 6, 6)
    assert not torch.equal(scores, network(image, 1 - pose))


def test_mask_consistency_is_least_for_the_classes_of_the_reference():
    batch = inputs()
    right = mask_consistency(20 * batch.classes, batch.classes, batch.mask)
    wrong = mask_consistency(20 * batch.classes.roll(1, 1), batch.classes, batch.mask)
    assert right < 1e-3 < wrong
    flat = mask_consistency(torch.zeros_like(batch.classes), batch.classes, torch.zeros_like(batch.mask))
    assert flat.item() == pytest.approx(torch.log(torch.tensor(float(CLASSES))).item(), rel=1e-5)
