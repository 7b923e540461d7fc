"""Losses of SwapGAN, for the loop of generators against discriminators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.networks.backbones.mobilenet_v2 import Backbone
from shared.networks.cyclegan import initialize, lsgan_discriminator_loss, lsgan_generator_loss
from shared.networks.swapgan import PairDiscriminator, SwapGAN, SwapOutputs, mask_consistency
from shared.restyle.swap.training.batches import SwapBatch
from shared.training.feature_losses import content_distance
from shared.training.loop import Batch


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses.

    Attributes:
        image: Mean absolute difference inside the mask, of swaps with a target.
        features: Distance to the target in the maps of a fixed network.
        person: Mean absolute difference of generator I's person.
        fabric: Both distances to the warped fabric, of swaps without a target.
        mask: Mask consistency.
        adversary: Each fake pair.
    """

    image: float = 10.0
    features: float = 4.0
    person: float = 5.0
    fabric: float = 0.25
    mask: float = 1.0
    adversary: float = 0.5


class SwapAdversaries:
    """Generators and discriminator of SwapGAN with their losses.

    Args:
        generators: The generators.
        features: Fixed network.
        channels: Channels of the discriminator.
        second_pair: False leaves the pair of generator I's image and the pose out.
        weights: Weights of the losses.
    """

    def __init__(
        self,
        generators: SwapGAN,
        features: Backbone,
        *,
        channels: int = 24,
        second_pair: bool = True,
        weights: LossWeights | None = None,
    ) -> None:
        self.generators = generators.to(memory_format=torch.channels_last)
        self.features = features
        self.discriminator = PairDiscriminator(channels=channels)
        initialize(self.discriminator)
        self.discriminators: nn.Module = self.discriminator.to(memory_format=torch.channels_last)
        self.second_pair = second_pair
        self.weights = weights or LossWeights()

    def generator_losses(self, batch: Batch, step: int) -> tuple[Mapping[str, Tensor], Batch]:
        """Return the losses of all generators, and both fake images without background."""
        swap = SwapBatch.from_flat(batch)
        outputs: SwapOutputs = self.generators(swap.inputs)
        fakes = (outputs.person, without_background(outputs.image, swap))
        losses = self.target_losses(outputs, swap)
        scores = [lsgan_generator_loss(self.discriminator(fakes[1], swap.inputs.pose))]
        if self.second_pair:
            scores.append(lsgan_generator_loss(self.discriminator(fakes[0], swap.inputs.pose)))
        losses["adversary"] = self.weights.adversary * torch.stack(scores).sum()
        # On true photos generator III learns the classes that it asks of generator II.
        logits = [outputs.classes, self.generators.find_classes(swap.target)]
        consistency = [
            mask_consistency(classes, swap.inputs.classes, swap.inputs.mask)
            for classes in logits
            if classes is not None
        ]
        if consistency:
            losses["mask"] = self.weights.mask * torch.stack(consistency).sum()
        return losses, fakes

    def target_losses(self, outputs: SwapOutputs, swap: SwapBatch) -> dict[str, Tensor]:
        """Return the distances to the targets, and those to the fabric for swaps without one."""
        weights, mask, same = self.weights, swap.inputs.mask, swap.same
        pasted = torch.lerp(swap.inputs.reference, swap.inputs.fabric[:, :3], mask)
        same_image = same[:, None, None, None]
        aims = torch.lerp(pasted, swap.target, same_image)
        share = torch.lerp(torch.full_like(same, weights.fabric), torch.ones_like(same), same)
        difference = ((outputs.image - aims).abs() * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)) + 1)
        with torch.no_grad():
            references = self.features(aims)
        distance = content_distance(self.features(outputs.image), references)
        person = (outputs.person - without_background(swap.target, swap)).abs().mean((1, 2, 3))
        return {
            "image": weights.image * (difference * share).mean(),
            "features": weights.features * (distance * share).mean(),
            "person": weights.person * (person * same).mean(),
        }

    def discriminator_loss(self, batch: Batch, fakes: Batch) -> Tensor:
        """Return the mean loss over the fake pairs, each against the real pair."""
        swap = SwapBatch.from_flat(batch)
        pose = swap.inputs.pose
        real = self.discriminator(without_background(swap.target, swap), pose)
        images = fakes if self.second_pair else fakes[1:]
        losses = [lsgan_discriminator_loss(real, self.discriminator(image, pose)) for image in images]
        return torch.stack(losses).mean()


def without_background(image: Tensor, swap: SwapBatch) -> Tensor:
    """Return images whose background is grey, `[B, 3, H, W]` in -1..1."""
    return image * (1 - swap.inputs.classes[:, :1])
