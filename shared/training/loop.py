"""The training loop of every recipe: seeds, mixed precision, averaged weights, exact resume, a JSON log."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

Batch = tuple[Tensor, ...]


@dataclass
class Settings:
    """What a run needs besides its network, its data and its loss.

    Attributes:
        steps: optimizer steps in all.
        out: folder of the run: `checkpoint.pt`, `log.jsonl`. A run whose checkpoint lies there continues
            from it.
        device: `"cpu"`, `"cuda"`, ...
        seed: seeds Python, NumPy and torch; the batches come from `make_batch(step)` and bring their own.
        bf16: whether forward passes run in bfloat16 where the operator allows it. Worth it on a GPU; on a
            CPU the depthwise convolutions' backward pass is slower in bfloat16 than in float32.
        warmup: steps of linear warm-up.
        schedule: learning-rate factor of a step, called as `cosine` is, which is the default.
        clip: largest gradient norm.
        average: decay of the exponential moving average of the weights, see `moving_average`; None for none.
        validate_every: steps between validations.
        checkpoint_every: steps between checkpoints.
        patience: validations without a better score after which the run stops; None never stops early.
        workers: threads that prepare batches ahead.
    """

    steps: int
    out: Path
    device: str = "cpu"
    seed: int = 0
    bf16: bool = False
    warmup: int = 100
    schedule: Callable[..., float] | None = None
    clip: float = 5.0
    average: float | None = 0.998
    validate_every: int = 1000
    checkpoint_every: int = 250
    patience: int | None = None
    workers: int = 1
    log_every: int = field(default=50)


def seed_everything(seed: int) -> None:
    """Seeds the generators of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that draw from the global generator must repeat too
    torch.manual_seed(seed)


def cosine(step: int, *, steps: int, warmup: int) -> float:
    """Learning-rate factor: up linearly over `warmup` steps, then down on half a cosine to 0 at `steps`.

    >>> [round(cosine(s, steps=110, warmup=10), 2) for s in (0, 9, 10, 60, 110)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def adamw(network: nn.Module, *, slow: nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW; what starts from trained weights learns at a third of the rate of what starts from nothing.

    Args:
        network: what is trained.
        slow: the part of it that starts from trained weights.
        rate: learning rate of the rest.

    Returns:
        The optimizer with two groups, `slow` first; weights decay by 1e-4.
    """
    old = {id(parameter) for parameter in slow.parameters()}
    groups = [
        {"params": list(slow.parameters()), "lr": rate / 3},
        {"params": [p for p in network.parameters() if id(p) not in old], "lr": rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=1e-4, fused=True)


def moving_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor | int], None]:
    """The exponential moving average of weights, for `AveragedModel`.

    The average must not hold on to where a short run began: with a decay of 0.998 from the first step, a
    third of it would still be the start after 500. So the decay of step t is at most `(1 + t) / (10 + t)`.

    Args:
        decay: what remains of the average at each later step, 0..1.

    >>> averaged = [torch.zeros(1)]
    >>> moving_average(0.998)(averaged, [torch.ones(1)], 1)      # (1 + 1) / (10 + 1) of the old remains
    >>> round(float(averaged[0]), 4)
    0.8182
    """

    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        steps = int(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return update


def fit(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    make_batch: Callable[[int], Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    settings: Settings,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    score: str | None = None,
) -> nn.Module:
    """Trains `network` in place and returns the weights to keep: averaged, or the best validated ones.

    Args:
        make_batch: gives the batch of a step. It must depend on the step alone (seed a generator with it),
            so that a resumed run sees what an uninterrupted one would have seen.
        loss: scalar loss of a network on a batch; runs under mixed precision.
        validate: figures of the averaged network; the higher `figures[score]`, the better.
        score: the figure that decides; without it the weights at the end are kept.

    Returns:
        A network in eval mode (a copy of `network` where weights are averaged).
    """
    seed_everything(settings.seed)
    settings.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(settings.device)
    network.to(device, memory_format=torch.channels_last).train()
    averaged = AveragedModel(network, multi_avg_fn=moving_average(settings.average or 0.0))
    state = _State(network, averaged, optimizer, settings.out / "checkpoint.pt")
    state.resume(device)
    base_rates = [group.setdefault("base_lr", group["lr"]) for group in optimizer.param_groups]
    started = time.monotonic()
    bar = tqdm(initial=state.step, total=settings.steps, unit="step", mininterval=5)
    for step, batch in _ahead(make_batch, range(state.step, settings.steps), settings.workers):
        factor = (settings.schedule or cosine)(step, steps=settings.steps, warmup=settings.warmup)
        for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
            group["lr"] = rate * factor
        batch = tuple(part.to(device, non_blocking=True) for part in batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
            value = loss(network, batch)
        if not torch.isfinite(value):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}; lower the learning rate")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        averaged.update_parameters(network)
        state.step = step + 1
        bar.update()
        if state.step % settings.log_every == 0:
            state.log(loss=value.item(), norm=norm.item(), rate=factor, seconds=time.monotonic() - started)
        last = state.step == settings.steps
        if validate and (last or state.step % settings.validate_every == 0):
            state.judge(validate(averaged.module.eval()), score)
        if last or state.step % settings.checkpoint_every == 0:
            state.save()
        if settings.patience is not None and state.without_gain >= settings.patience:
            break
    bar.close()
    kept = averaged.module if settings.average else network
    if score and state.best_weights:
        kept.load_state_dict(state.best_weights)
    return kept.eval()


@dataclass
class _State:
    """What a checkpoint holds; the log is appended beside it."""

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

    def judge(self, figures: dict[str, float], score: str | None) -> None:
        self.log(**figures)
        if score is None:
            return
        if figures[score] > self.best:
            self.best, self.without_gain = figures[score], 0
            weights = self.averaged.module.state_dict()
            self.best_weights = {name: value.clone() for name, value in weights.items()}
        else:
            self.without_gain += 1

    def log(self, **figures: Any) -> None:
        line = {"step": self.step, **{name: round(value, 6) for name, value in figures.items()}}
        with (self.path.parent / "log.jsonl").open("a", encoding="utf8") as file:
            file.write(json.dumps(line) + "\n")


def _ahead(make_batch: Callable[[int], Batch], steps: range, workers: int) -> Iterator[tuple[int, Batch]]:
    """Batches in order, prepared by threads while the network is busy."""
    # One thread each: a pool inside every worker would fight the network for the cores.
    with ThreadPoolExecutor(max_workers=workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting = [(step, pool.submit(make_batch, step)) for step in steps[: workers + 1]]
        for step in steps:
            following = step + workers + 1
            if following < steps.stop:
                waiting.append((following, pool.submit(make_batch, following)))
            expected, future = waiting.pop(0)
            assert expected == step
            yield step, future.result()
