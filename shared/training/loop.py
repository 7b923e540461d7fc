"""Training loop of every recipe: seeds, mixed precision, weight averaging, exact resume, JSON log."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from shared.core.devices import use_one_core
from shared.core.scheduling import WorkerPool, prefetch

Batch: TypeAlias = tuple[Tensor, ...]
Tensors: TypeAlias = tuple[Tensor, ...] | list[Tensor]
Network = TypeVar("Network", bound=nn.Module)


class Schedule(Protocol):
    """Learning-rate factor of a step, such as `cosine_schedule`."""

    def __call__(self, step: int, *, steps: int, warmup: int) -> float:
        """Return the factor of `step` in a run of `steps` steps."""


def cosine_schedule(step: int, *, steps: int, warmup: int) -> float:
    """Return the learning-rate factor of a linear warm-up and half a cosine down to 0.

    Args:
        step: Step, from 0.
        steps: Step at which the factor is 0.
        warmup: Steps of warm-up.

    Returns:
        0..1.

    >>> [round(cosine_schedule(s, steps=110, warmup=10), 2) for s in (0, 9, 10, 60, 110)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@dataclass
class LoopSettings:
    """Settings of a training run.

    Attributes:
        steps: Optimizer steps.
        out: Folder of the run: `checkpoint.pt`, `log.jsonl`. A run resumes from a checkpoint that lies there.
        device: `"cpu"`, `"cuda"`, ...
        seed: Seeds Python, NumPy and torch; batches are seeded by their step, see `fit`.
        bf16: Run forward passes in bfloat16 where the operator allows it. Worth it on a GPU; on a CPU the
            backward pass of depthwise convolutions is slower in bfloat16 than in float32.
        warmup: Steps of linear warm-up.
        schedule: Learning-rate factor of each step.
        clip: Largest norm of the gradient; a longer one is scaled down to it.
        average: Decay of the exponential moving average of the weights, see `moving_average`; None for none.
        score: Key of the validation figure that selects the weights; None for the weights at the end.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        patience: Validations without a better score after which the run stops; None never stops early.
        workers: Threads that prepare batches ahead.
        log_every: Steps between lines of the log.
    """

    steps: int
    out: Path
    device: str = "cpu"
    seed: int = 0
    bf16: bool = False
    warmup: int = 100
    schedule: Schedule = cosine_schedule
    clip: float = 5.0
    average: float | None = 0.998
    score: str | None = None
    validate_every: int = 1000
    checkpoint_every: int = 250
    patience: int | None = None
    workers: int = 1
    log_every: int = 50


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that draw from the global generator must repeat too
    torch.manual_seed(seed)


def step_seed(seed: int, step: int) -> int:
    """Return the seed of a step's batch, which no other step of a run and no run of a near seed shares.

    Args:
        seed: Seed of the run.
        step: Step, from 0, below a million.

    >>> step_seed(0, 5), step_seed(1, 5)
    (5, 1000008)
    """
    return seed * 1_000_003 + step


def adamw(network: nn.Module, *, pretrained: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Build an AdamW optimizer that trains pretrained weights at a third of the learning rate.

    Args:
        network: Network to train.
        pretrained: Part of it that starts from trained weights.
        rate: Learning rate of all other parameters.

    Returns:
        The optimizer with two groups, `pretrained` first, and a weight decay of 1e-4.
    """
    pretrained_ids = {id(parameter) for parameter in pretrained.parameters()}
    groups = [
        {"params": list(pretrained.parameters()), "lr": rate / 3},
        {"params": [p for p in network.parameters() if id(p) not in pretrained_ids], "lr": rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=1e-4, fused=True)


def moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Return an exponential moving average of weights, for `AveragedModel`.

    The decay of step t is `min(decay, (1 + t) / (10 + t))`, so that the average of a short run forgets its
    start: with a decay of 0.998 from the first step, a third of it would remain after 500 steps.

    Args:
        decay: Share of the average that remains at each later step, 0..1.

    Returns:
        The `multi_avg_fn` of `AveragedModel`.

    >>> averaged = [torch.zeros(1)]
    >>> moving_average(0.998)(averaged, [torch.ones(1)], 1)      # (1 + 1) / (10 + 1) of the old remains
    >>> round(float(averaged[0]), 4)
    0.8182
    """

    def update(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
        step = int(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + step) / (10 + step)))

    return update


def fit(
    network: Network,
    optimizer: torch.optim.Optimizer,
    make_batch: Callable[[int], Batch],
    loss: Callable[[Network, Batch], Tensor],
    settings: LoopSettings,
    validate: Callable[[Network], Mapping[str, float]] | None = None,
) -> Network:
    """Train `network` in place and return its averaged, or its best validated, weights.

    Args:
        network: Network to train.
        optimizer: Optimizer of its parameters; `settings.schedule` scales its learning rates.
        make_batch: Returns the batch of a step. It must depend on the step alone (seed a generator with it),
            so that a resumed run gets the batches of an uninterrupted one.
        loss: Scalar loss of a network on a batch; runs under mixed precision.
        settings: Settings of the run.
        validate: Figures of the averaged network; higher is better for `settings.score`.

    Returns:
        A network in eval mode (a copy of `network` where weights are averaged).

    Raises:
        FloatingPointError: The loss is not finite.
    """
    seed_everything(settings.seed)
    settings.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(settings.device)
    network.to(device)
    network.to(memory_format=torch.channels_last)
    network.train()
    averaged = AveragedModel(network, multi_avg_fn=moving_average(settings.average or 0.0))
    average = cast(Network, averaged.module)
    run = _Run(network, averaged, optimizer, settings.out / "checkpoint.pt")
    run.resume(device)
    base_rates = [group.setdefault("base_lr", group["lr"]) for group in optimizer.param_groups]
    started = time.monotonic()
    bar = tqdm(initial=run.step, total=settings.steps, unit="step", mininterval=5)
    for step, batch in _batches(make_batch, range(run.step, settings.steps), settings.workers):
        factor = settings.schedule(step, steps=settings.steps, warmup=settings.warmup)
        for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
            group["lr"] = rate * factor
        batch = tuple(tensor.to(device, non_blocking=True) for tensor in batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
            value = loss(network, batch)
        if not torch.isfinite(value):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}; lower the learning rate")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        averaged.update_parameters(network)
        run.step = step + 1
        bar.update()
        if run.step % settings.log_every == 0:
            run.log(loss=value.item(), norm=norm.item(), rate=factor, seconds=time.monotonic() - started)
        last = run.step == settings.steps
        if validate and (last or run.step % settings.validate_every == 0):
            run.update_best(validate(average.eval()), settings.score)
        if last or run.step % settings.checkpoint_every == 0:
            run.save()
        if settings.patience is not None and run.without_gain >= settings.patience:
            break
    bar.close()
    trained = network if settings.average is None else average
    if settings.score and run.best_weights:
        trained.load_state_dict(run.best_weights)
    return trained.eval()


@dataclass
class _Run:
    """State of a run, as its checkpoint stores it."""

    network: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    path: Path
    step: int = 0
    best: float = -math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    without_gain: int = 0

    def save(self) -> None:
        content = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": self.best,
            "best_weights": self.best_weights,
            "without_gain": self.without_gain,
            "torch_rng": torch.get_rng_state(),
        }
        # A run that dies while writing must leave the previous checkpoint whole.
        partial = self.path.with_suffix(".partial")
        torch.save(content, partial)
        partial.replace(self.path)

    def resume(self, device: torch.device) -> None:
        if not self.path.is_file():
            return
        content = torch.load(self.path, map_location=device, weights_only=True)
        self.network.load_state_dict(content["network"])
        self.averaged.load_state_dict(content["averaged"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.best = content["step"], content["best"]
        self.best_weights, self.without_gain = content["best_weights"], content["without_gain"]
        torch.set_rng_state(content["torch_rng"].cpu())

    def update_best(self, figures: Mapping[str, float], score: str | None) -> None:
        """Log validation figures, and store the averaged weights where they are the best so far."""
        self.log(**figures)
        if score is None:
            return
        if figures[score] > self.best:
            self.best, self.without_gain = figures[score], 0
            weights = self.averaged.module.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}
        else:
            self.without_gain += 1

    def log(self, **figures: float) -> None:
        line = {"step": self.step, **{name: round(value, 6) for name, value in figures.items()}}
        with (self.path.parent / "log.jsonl").open("a", encoding="utf8") as file:
            file.write(json.dumps(line) + "\n")


def _batches(make_batch: Callable[[int], Batch], steps: range, workers: int) -> Iterator[tuple[int, Batch]]:
    """Prepare batches on threads while the network is busy, and yield them in order."""
    # One core each: a thread pool inside every worker would compete with the network for the cores.
    return prefetch(steps, make_batch, workers, WorkerPool(workers, use_one_core))
