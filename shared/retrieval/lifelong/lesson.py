"""A lesson: training on new classes alone, with losses against forgetting the earlier ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.networks.lifelong.distillation import (
    distill_correlations,
    distill_logits,
    distill_vectors,
    estimate_vectors,
    maximum_mean_discrepancy,
)
from shared.networks.lifelong.embedder import EmbeddingNetwork, Embeddings
from shared.networks.lifelong.importance import importance_penalty
from shared.networks.lifelong.inversion import invert
from shared.networks.lifelong.pair_loss import hard_pair_loss
from shared.retrieval.lifelong.memory import Learner, remember
from shared.retrieval.lifelong.methods import ImportanceKind, Method
from shared.retrieval.lifelong.teacher import Teacher
from shared.retrieval.lifelong.views import SIDE, Views, to_device
from shared.training.loop import cosine_schedule


@dataclass(frozen=True)
class LessonSettings:
    """Settings of a lesson.

    Attributes:
        steps: Optimizer steps.
        classes: Classes of a batch.
        images: Images of each class in a batch.
        rate: Learning rate of Adam.
        decay: Weight decay.
        warmup: Steps of linear warm-up.
        pairs: Weight of the pair loss of the new classes.
        labels: Weight of the cross-entropy of the new classes.
        dreams: Images that are made from statistics, for methods that use them.
        dream_steps: Steps of making them.
        dream_batch: How many of them each step uses.
        seed: Seed of batches and noise.
    """

    steps: int = 150
    classes: int = 8
    images: int = 5
    rate: float = 5e-4
    decay: float = 5e-4
    warmup: int = 10
    pairs: float = 1.0
    labels: float = 1.0
    dreams: int = 24
    dream_steps: int = 30
    dream_batch: int = 16
    seed: int = 0


def class_batches(labels: Tensor, settings: LessonSettings) -> Iterator[Tensor]:
    """Yield the image indices of each step's batch: some classes, the same number of images of each.

    Args:
        labels: int64 `[N]`.
        settings: See `LessonSettings`.
    """
    rng = np.random.default_rng(settings.seed)
    members = [np.flatnonzero(labels.numpy() == label) for label in np.unique(labels.numpy())]
    count = min(settings.classes, len(members))
    for _ in range(settings.steps):
        chosen = [members[index] for index in rng.choice(len(members), count, replace=False)]
        picks = [rng.choice(rows, settings.images, replace=len(rows) < settings.images) for rows in chosen]
        yield torch.from_numpy(np.concatenate(picks))


@dataclass(frozen=True, eq=False)
class Lesson:
    """New classes and the way to teach them.

    Attributes:
        views: Views of images of the new classes; their labels go on from the known classes.
        names: Names of the new classes, in the order of their labels.
        method: Losses against forgetting.
        settings: See `LessonSettings`.
        importance: Kinds of importance to remember for later lessons.
    """

    views: Views
    names: tuple[str, ...]
    method: Method
    settings: LessonSettings = LessonSettings()
    importance: tuple[ImportanceKind, ...] = ()


def teach(
    learner: Learner,
    lesson: Lesson,
    on_step: Callable[[int, EmbeddingNetwork], None] = lambda step, student: None,
    on_dream: Callable[[int], None] = lambda step: None,
) -> Learner:
    """Teach new classes.

    Args:
        learner: Network and memory after the earlier lessons; neither is changed.
        lesson: The lesson.
        on_step: Called after each step with its number from 1 and the network in training; may raise to stop.
        on_dream: Called after each step of making images from statistics, which precede the first step, with
            its number from 1; may raise to stop.

    Returns:
        Network and memory after the lesson.

    Raises:
        ValueError: The method needs an importance that the memory lacks.
    """
    student = copy.deepcopy(learner.network)
    if learner.memory.classes:
        torch.manual_seed(lesson.settings.seed)
        student.add_classes(len(lesson.names))
    if not lesson.method.frozen:
        fit = _Fit(learner, student, lesson, on_dream)
        for step, batch in enumerate(class_batches(lesson.views.labels, lesson.settings), start=1):
            fit.step(step, batch)
            on_step(step, student)
    student.eval()
    return remember(learner, student, lesson.views, lesson.names, lesson.importance)


class _Fit:
    """State of a lesson's optimisation."""

    def __init__(
        self,
        learner: Learner,
        student: EmbeddingNetwork,
        lesson: Lesson,
        on_dream: Callable[[int], None],
    ) -> None:
        method = lesson.method
        self.method, self.settings, self.views = method, lesson.settings, lesson.views
        self.memory, self.student = learner.memory, student
        self.known = len(self.memory.classes)
        if method.importance and self.known and method.importance not in self.memory.importance:
            raise ValueError(f"{method.name} needs the importance of weights from the earlier lessons")
        network = learner.network
        self.device = next(student.parameters()).device
        self.generator = torch.Generator().manual_seed(self.settings.seed)
        distils = method.distils and self.known
        dreams = method.generated and distils
        self.dream_maps = self._dream(network, on_dream) if dreams else self.views.maps[:0, 0]
        self.teacher = Teacher(network, self.views, self.dream_maps) if distils else None
        self.anchors = {name: value.detach().clone() for name, value in network.named_parameters()}
        self.optimizer = self._adam(student)
        self.auxiliary = copy.deepcopy(student) if method.auxiliary and self.known else None
        self.auxiliary_optimizer = self._adam(self.auxiliary) if self.auxiliary else None

    def _adam(self, network: EmbeddingNetwork) -> torch.optim.Optimizer:
        parameters = [p for p in network.parameters() if p.requires_grad]
        return torch.optim.Adam(parameters, self.settings.rate, weight_decay=self.settings.decay, fused=True)

    def _dream(self, network: EmbeddingNetwork, on_dream: Callable[[int], None]) -> Tensor:
        """Return maps of images of the known classes, made from statistics."""
        order = torch.randperm(self.known, generator=self.generator)
        labels = order[torch.arange(self.settings.dreams) % self.known]
        images = invert(
            lambda x: network(x).logits[:, : self.known],
            network.convolutions(),
            network.statistics,
            labels.to(self.device),
            side=SIDE,
            steps=self.settings.dream_steps,
            generator=self.generator,
            on_step=on_dream,
        )
        with torch.no_grad():
            return network.lower(images).half().cpu()

    def step(self, step: int, batch: Tensor) -> None:
        """Make one step of the optimizer.

        Args:
            step: Number of the step, from 1.
            batch: Indices of the images, int64 `[B]`.
        """
        settings = self.settings
        factor = cosine_schedule(step - 1, steps=settings.steps, warmup=settings.warmup)
        view = torch.randint(self.views.maps.shape[1], (len(batch),), generator=self.generator)
        dreams = torch.randperm(len(self.dream_maps), generator=self.generator)[: settings.dream_batch]
        maps = to_device(torch.cat([self.views.maps[batch, view], self.dream_maps[dreams]]), self.student)
        labels = self.views.labels[batch].to(self.device)
        count = len(batch)
        auxiliary = None
        if self.auxiliary is not None and self.auxiliary_optimizer is not None:
            output = self.auxiliary.upper(maps[:count])
            self._update(self.auxiliary_optimizer, self._new_loss(output, labels), factor)
            auxiliary = output.unit.detach()
        output = self.student.upper(maps)
        new = Embeddings(*(values[:count] for values in output))
        loss = self._new_loss(new, labels)
        if self.teacher is not None:
            teacher = Embeddings(*(v.to(self.device) for v in self.teacher(batch, view, dreams)))
            loss = loss + self._distillation(new, output, teacher, count)
        if auxiliary is not None:
            loss = loss + self.method.auxiliary * distill_correlations(new.unit, auxiliary)
        if self.method.importance and self.known:
            weights = self.memory.importance[self.method.importance]
            loss = loss + self.method.importance_weight * importance_penalty(
                self.student, self.anchors, weights
            )
        self._update(self.optimizer, loss, factor)

    def _new_loss(self, output: Embeddings, labels: Tensor) -> Tensor:
        """Return the loss of the new classes."""
        loss = self.settings.pairs * hard_pair_loss(output.unit, labels)
        if self.settings.labels:
            loss = loss + self.settings.labels * F.cross_entropy(output.logits, labels)
        return loss

    def _distillation(self, new: Embeddings, output: Embeddings, teacher: Embeddings, count: int) -> Tensor:
        """Return the weighted losses between the network and the earlier one."""
        method = self.method
        loss = torch.zeros((), device=self.device)
        if method.vectors:
            loss = loss + method.vectors * distill_vectors(new.unit, teacher.unit[:count])
        if method.logits:
            student_logits, teacher_logits = new.logits[:, : self.known], teacher.logits[:count, : self.known]
            loss = loss + method.logits * distill_logits(student_logits, teacher_logits)
        if method.discrepancy:
            loss = loss + method.discrepancy * maximum_mean_discrepancy(new.unit, teacher.unit[:count])
        if method.correlations:
            loss = loss + method.correlations * distill_correlations(output.unit, teacher.unit)
        if method.estimation:
            estimate = teacher.unit
            for low, high in reversed(self.memory.bounds):
                estimate = estimate_vectors(estimate, low, high, self.generator)
                loss = loss + method.correlations * distill_correlations(output.unit, estimate)
        return loss

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor, factor: float) -> None:
        """Make a step at a share of the learning rate."""
        for group in optimizer.param_groups:
            group.setdefault("full_rate", group["lr"])
            group["lr"] = group["full_rate"] * factor
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
