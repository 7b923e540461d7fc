"""Training of pix2pix in both directions: `python -m shared.translation.train paired`.

The published protocol is `--device cuda --side 256 --stages 80000:256 --channels 64 --levels 8 --blocks 0
--discriminator-channels 64`. The default has the generators of the unpaired trainings, for a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.core import weights
from shared.networks.backbones.mobilenet_v2 import Backbone
from shared.networks.cyclegan import PatchDiscriminator, initialize
from shared.networks.pix2pix import Pix2pix, discriminator_loss, generator_loss, pair
from shared.training.feature_losses import content_distance, load_fixed_network
from shared.training.gan_loop import fit_gan
from shared.training.loop import Batch, seed_everything
from shared.translation.training.gan_arguments import batch_source, gan_parser, gan_settings
from shared.translation.training.gan_batches import paired_batch

FEATURE_DEPTH = 6  # blocks of the fixed network: maps of strides 2, 4 and 8


class PairedAdversaries:
    """A generator and a conditional discriminator for each direction, and the losses of pix2pix.

    Args:
        generators: Generators.
        channels: Channels of the discriminators.
        features: Fixed network whose maps of generated images of the second set are to be those of the true
            ones; none in the paper.
        feature_weight: Weight of that loss.
    """

    def __init__(
        self,
        generators: Pix2pix,
        channels: int,
        *,
        features: Backbone | None = None,
        feature_weight: float = 10.0,
    ) -> None:
        self.generators = generators
        self.features, self.feature_weight = features, feature_weight
        self.first, self.second = (PatchDiscriminator(channels=channels, in_channels=6) for _ in range(2))
        self.discriminators = nn.ModuleList([self.first, self.second])
        for network in (self.generators, self.discriminators):
            initialize(network)

    def generator_losses(self, batch: Batch, step: int) -> tuple[Mapping[str, Tensor], Batch]:
        """Return the losses of both directions, and the fakes of the first and the second set."""
        x, y = batch
        fake_y, fake_x = self.generators(x, "forward"), self.generators(y, "backward")
        losses = {
            "forward": generator_loss(self.second(pair(x, fake_y)), fake_y, y),
            "backward": generator_loss(self.first(pair(y, fake_x)), fake_x, x),
        }
        if self.features:
            with torch.no_grad():
                references = self.features(y)
            losses["features"] = (
                self.feature_weight * content_distance(self.features(fake_y), references).mean()
            )
        return losses, (fake_x, fake_y)

    def discriminator_loss(self, batch: Batch, fakes: Batch) -> Tensor:
        """Return the sum of the losses of both discriminators."""
        x, y = batch
        fake_x, fake_y = fakes
        forward = discriminator_loss(self.second(pair(x, y)), self.second(pair(x, fake_y)))
        backward = discriminator_loss(self.first(pair(y, x)), self.first(pair(y, fake_x)))
        return torch.stack([forward, backward]).sum()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line and save the averaged generators to `OUT/weights`."""
    parser = gan_parser("paired", "Train pix2pix in both directions.", stages="1500:64,1000:128", channels=16)
    parser.set_defaults(discriminator_channels=32, discriminator_rate=0.5)
    parser.add_argument("--blocks", type=int, default=6, help="residual blocks (%(default)s); 0 for U-Nets")
    parser.add_argument("--levels", type=int, default=6, help="of the U-Nets (%(default)s)")
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help="ImageNet weights of MobileNetV2, for a loss on its maps of the second set",
    )
    parser.add_argument("--feature-weight", type=float, default=10.0, help="of that loss (%(default)s)")
    args = parser.parse_args(arguments)
    seed_everything(args.seed)
    generators = Pix2pix(channels=args.channels, blocks=args.blocks, levels=args.levels)
    adversaries = PairedAdversaries(
        generators,
        args.discriminator_channels,
        features=load_fixed_network(args.features, FEATURE_DEPTH).to(args.device) if args.features else None,
        feature_weight=args.feature_weight,
    )
    make_batch, samples = batch_source(args, paired_batch)
    network = fit_gan(adversaries, make_batch, gan_settings(args, pool=0), samples)
    weights.save(network, args.out / "weights")
