"""Training of CycleGAN, Long and Nest CycleGAN: `python -m shared.translation.train gan`.

The published protocol is `--device cuda --side 256 --stages 80000:256 --channels 64
--discriminator-channels 64 --lengths 9`. The default is a quarter of its width on images of half its size,
for a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.networks.cyclegan import (
    CycleGAN,
    PatchDiscriminator,
    identity_loss,
    initialize,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
)
from shared.training.gan_loop import fit_gan
from shared.training.loop import Batch, seed_everything
from shared.translation.training.gan_arguments import batch_source, gan_parser, gan_settings
from shared.translation.training.gan_batches import unpaired_batch


@dataclass(frozen=True)
class System:
    """Arrangement of generators.

    Attributes:
        lengths: Residual blocks of each generator of a direction, see `CycleGAN`.
        nest: Weight of the inner cycles; 0 for none.
    """

    lengths: tuple[int, ...]
    nest: float = 0.0


#: Two generators of 3 and 2 blocks have 5 % fewer parameters than one of 6.
SYSTEMS = {
    "cyclegan": System((6,)),
    "long": System((3, 2)),
    "nest": System((3, 2), nest=5.0),
}


class UnpairedAdversaries:
    """Generators of both directions, a discriminator for either set, and the losses of CycleGAN.

    Args:
        generators: Generators.
        channels: Channels of the discriminators.
        cycle: Weight of the cycle loss.
        nest: Weight of the inner cycles.
        identity: Weight of the identity loss.
        identity_steps: Steps with an identity loss. Where neither cycles nor discriminators of small crops
            tell an image from its negative, it decides at the start which of them is learned.
    """

    def __init__(
        self,
        generators: CycleGAN,
        channels: int,
        *,
        cycle: float = 10.0,
        nest: float = 0.0,
        identity: float = 0.0,
        identity_steps: int = 0,
    ) -> None:
        self.generators = generators
        self.first, self.second = (PatchDiscriminator(channels=channels) for _ in range(2))
        self.discriminators = nn.ModuleList([self.first, self.second])
        for network in (self.generators, self.discriminators):
            initialize(network)
        self.cycle, self.nest = cycle, nest
        self.identity, self.identity_steps = identity, identity_steps

    def generator_losses(self, batch: Batch, step: int) -> tuple[Mapping[str, Tensor], Batch]:
        """Return adversarial and cycle losses, and the fakes of the first and the second set."""
        x, y = batch
        gan = self.generators
        forward, backward = gan.forward_chain.stages(x), gan.backward_chain.stages(y)
        fake_y, fake_x = forward[-1], backward[-1]
        restored_x, restored_y = gan.backward_chain.stages(fake_y), gan.forward_chain.stages(fake_x)
        losses = {
            "forward": lsgan_generator_loss(self.second(fake_y)),
            "backward": lsgan_generator_loss(self.first(fake_x)),
            "cycle": self.cycle * (F.l1_loss(restored_x[-1], x) + F.l1_loss(restored_y[-1], y)),
        }
        if self.nest:
            losses["nest"] = self.nest * (
                gan.forward_chain.nest_loss(gan.backward_chain, [x, *forward], restored_x)
                + gan.backward_chain.nest_loss(gan.forward_chain, [y, *backward], restored_y)
            )
        if step < self.identity_steps:
            losses["identity"] = self.identity * identity_loss(gan, x, y)
        return losses, (fake_x, fake_y)

    def discriminator_loss(self, batch: Batch, fakes: Batch) -> Tensor:
        """Return the sum of the losses of both discriminators."""
        losses = [
            lsgan_discriminator_loss(discriminator(real), discriminator(fake))
            for discriminator, real, fake in zip((self.first, self.second), batch, fakes, strict=True)
        ]
        return torch.stack(losses).sum()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line and save the averaged generators to `OUT/weights`."""
    parser = gan_parser(
        "gan", "Train CycleGAN, Long or Nest CycleGAN.", stages="2400:64,500:128", channels=16
    )
    parser.set_defaults(discriminator_channels=32)
    parser.add_argument("--system", choices=sorted(SYSTEMS), default="cyclegan")
    parser.add_argument("--lengths", type=int, nargs="+", help="residual blocks of each generator")
    parser.add_argument(
        "--identity", type=float, default=5.0, help="weight of the identity loss (%(default)s)"
    )
    parser.add_argument("--identity-steps", type=int, default=0, help="steps with it (%(default)s)")
    args = parser.parse_args(arguments)
    seed_everything(args.seed)
    system = SYSTEMS[args.system]
    generators = CycleGAN(args.lengths or system.lengths, channels=args.channels)
    adversaries = UnpairedAdversaries(
        generators,
        args.discriminator_channels,
        nest=system.nest,
        identity=args.identity,
        identity_steps=args.identity_steps,
    )
    make_batch, samples = batch_source(args, unpaired_batch)
    network = fit_gan(adversaries, make_batch, gan_settings(args, pool=50), samples)
    weights.save(network, args.out / "weights")
