"""Training loop of generators against discriminators: replay pool, weight averaging, exact resume, log.

Every batch depends on its step alone, and the state of the pool is part of the checkpoint, so that a resumed
run gives the weights of an uninterrupted one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from shared.core.devices import use_one_core
from shared.core.scheduling import WorkerPool, prefetch
from shared.training.loop import Batch, moving_average, seed_everything, step_seed
from shared.training.replay_pool import ReplayPool
from shared.training.stages import Stage, side_of

#: Norm to which gradients are scaled down; usual steps have 10 to 50.
MAX_GRADIENT_NORM = 100.0


@dataclass
class GanSettings:
    """Settings of a run.

    Attributes:
        stages: Parts of the run, in order.
        out: Folder of the run: `checkpoint.pt`, `log.jsonl`, sample sheets. A run resumes from a checkpoint
            that lies there.
        device: `"cpu"`, `"cuda"`, ...
        seed: Seed of the weights, the pool and, with the step, of the batches.
        rate: Learning rate of Adam (betas 0.5 and 0.999).
        discriminator_rate: Factor of the discriminators' learning rate.
        constant: Fraction of the steps before the learning rate falls linearly to 0.
        average: Decay of the exponential moving average of the generators' weights.
        pool: Number of generated images that the replay pool holds; 0 for none.
        bf16: Run forward passes in bfloat16 where the operator allows it.
        checkpoint_every: Steps between checkpoints.
        sample_every: Steps between calls of the sample function.
        log_every: Steps between lines of the log.
        workers: Threads that prepare batches ahead.
    """

    stages: Sequence[Stage]
    out: Path
    device: str = "cpu"
    seed: int = 0
    rate: float = 2e-4
    discriminator_rate: float = 1.0
    constant: float = 0.5
    average: float = 0.998
    pool: int = 50
    bf16: bool = False
    checkpoint_every: int = 200
    sample_every: int = 400
    log_every: int = 50
    workers: int = 1

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def side(self, step: int) -> int:
        """Return the side of the crops at a step."""
        return side_of(step, self.stages)

    def rate_factor(self, step: int) -> float:
        """Return the factor of the learning rate at a step, 1 and then linearly down to 0.

        >>> settings = GanSettings([Stage(10, 64)], Path("out"))
        >>> [settings.rate_factor(step) for step in (0, 5, 9)]
        [1.0, 1.0, 0.2]
        """
        start = self.constant * self.steps
        return min(1.0, (self.steps - step) / max(self.steps - start, 1))


class Adversaries(Protocol):
    """Generators, discriminators and their losses."""

    @property
    def generators(self) -> nn.Module:
        """Generators, called with images and a direction."""

    @property
    def discriminators(self) -> nn.Module:
        """Discriminators of both directions."""

    def generator_losses(self, batch: Batch, step: int) -> tuple[Mapping[str, Tensor], Batch]:
        """Return the losses to be added up for the generators at a step, and the generated images."""

    def discriminator_loss(self, batch: Batch, fakes: Batch) -> Tensor:
        """Return the loss of the discriminators for real and generated images."""


def fit_gan(
    adversaries: Adversaries,
    make_batch: Callable[[int, int], Batch],
    settings: GanSettings,
    sample: Callable[[nn.Module, int], Mapping[str, float]] | None = None,
) -> nn.Module:
    """Train generators and discriminators in turn and return the averaged generators.

    Args:
        adversaries: Networks and losses; the networks are trained in place.
        make_batch: Returns the batch of a step with crops of a side; it must depend on both alone.
        settings: Settings of the run.
        sample: Called with the averaged generators and the step, and returns figures for the log.

    Returns:
        A copy of the generators with averaged weights, in eval mode.

    Raises:
        FloatingPointError: A loss is not finite.
    """
    seed_everything(settings.seed)
    settings.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(settings.device)
    run = _Run(adversaries, settings, device)
    run.resume()
    started = time.monotonic()
    bar = tqdm(initial=run.step, total=settings.steps, unit="step", mininterval=10)
    for step, batch in _batches(make_batch, run.step, settings):
        batch = tuple(tensor.to(device, non_blocking=True) for tensor in batch)
        figures = run.train_step(step, batch)
        bar.update()
        if run.step % settings.log_every == 0:
            run.log(
                **{name: value.item() for name, value in figures.items()}, seconds=time.monotonic() - started
            )
        last = run.step == settings.steps
        if sample and (last or run.step % settings.sample_every == 0):
            run.log(**sample(run.averaged.module.eval(), run.step))
        if last or run.step % settings.checkpoint_every == 0:
            run.save()
    bar.close()
    return run.averaged.module.eval()


class _Run:
    """State of a run, as its checkpoint stores it."""

    def __init__(self, adversaries: Adversaries, settings: GanSettings, device: torch.device) -> None:
        self.adversaries = adversaries
        self.settings = settings
        self.device = device
        self.path = settings.out / "checkpoint.pt"
        self.step = 0
        generators = adversaries.generators.to(device).train()
        discriminators = adversaries.discriminators.to(device).train()
        self.averaged = AveragedModel(generators, multi_avg_fn=moving_average(settings.average))
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=settings.rate, betas=(0.5, 0.999), fused=True)
            for network in (generators, discriminators)
        ]
        self.pools = [ReplayPool(settings.pool), ReplayPool(settings.pool)]

    def train_step(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """Update generators, then discriminators, and return the losses."""
        for optimizer, factor in zip(self.optimizers, (1.0, self.settings.discriminator_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = self.settings.rate * factor * self.settings.rate_factor(step)
        with frozen(self.adversaries.discriminators), self._autocast():
            losses, fakes = self.adversaries.generator_losses(batch, step)
            total = torch.stack([*losses.values()]).sum()
        self._update(self.optimizers[0], total, step)
        seed = step_seed(self.settings.seed, step)
        replayed = tuple(
            pool.exchange(fake.detach(), 2 * seed + index)
            for index, (pool, fake) in enumerate(zip(self.pools, fakes, strict=True))
        )
        with self._autocast():
            loss = self.adversaries.discriminator_loss(batch, replayed)
        self._update(self.optimizers[1], loss, step)
        self.averaged.update_parameters(self.adversaries.generators)
        self.step = step + 1
        return {**losses, "discriminator": loss}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16)

    def _update(self, optimizer: torch.optim.Optimizer, loss: Tensor, step: int) -> None:
        if not torch.isfinite(loss):
            raise FloatingPointError(f"a loss is {loss.item()} at step {step}; lower the learning rate")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        # In a crop of one color each instance normalisation multiplies gradients by 300, beyond float32.
        if torch.isfinite(norm):
            optimizer.step()

    def save(self) -> None:
        content = {
            "generators": self.adversaries.generators.state_dict(),
            "discriminators": self.adversaries.discriminators.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "pools": [pool.batches for pool in self.pools],
            "step": self.step,
            "torch_rng": torch.get_rng_state(),
        }
        # A run that dies while writing must leave the previous checkpoint whole.
        partial = self.path.with_suffix(".partial")
        torch.save(content, partial)
        partial.replace(self.path)

    def resume(self) -> None:
        if not self.path.is_file():
            return
        content = torch.load(self.path, map_location=self.device, weights_only=True)
        self.adversaries.generators.load_state_dict(content["generators"])
        self.adversaries.discriminators.load_state_dict(content["discriminators"])
        self.averaged.load_state_dict(content["averaged"])
        for optimizer, state in zip(self.optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        for pool, batches in zip(self.pools, content["pools"], strict=True):
            pool.batches = batches
        self.step = content["step"]
        torch.set_rng_state(content["torch_rng"].cpu())

    def log(self, **figures: float) -> None:
        line = {"step": self.step, **{name: round(value, 5) for name, value in figures.items()}}
        with (self.path.parent / "log.jsonl").open("a", encoding="utf8") as file:
            file.write(json.dumps(line) + "\n")


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Keep gradients from the parameters of a network, which saves their computation."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def _batches(
    make_batch: Callable[[int, int], Batch], start: int, settings: GanSettings
) -> Iterator[tuple[int, Batch]]:
    """Prepare batches on threads while the networks are busy, and yield them in order."""

    def prepare(step: int) -> Batch:
        return make_batch(step, settings.side(step))

    pool = WorkerPool(settings.workers, use_one_core)
    return prefetch(range(start, settings.steps), prepare, settings.workers, pool)
