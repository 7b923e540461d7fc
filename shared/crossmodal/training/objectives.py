"""Training objectives of joint spaces: the losses of the papers on top of both encoders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.crossmodal.training.student import Batch, Objective, Student, distillation_loss, text_distillation
from shared.networks.crossmodal.cyclematch import CycleMatch, cycle_loss
from shared.networks.crossmodal.itmeetsal import ITMeetsAL, discriminator_loss, encoder_loss
from shared.networks.crossmodal.joint import JointSpace, LinearProjections, MatchingHead
from shared.networks.crossmodal.matching_losses import bi_rank_loss, contrastive_loss, triplet_loss

#: Below it cosines would count for nothing but rounding.
MIN_TEMPERATURE = 0.01


@dataclass(frozen=True)
class HeadLosses:
    """Losses of the papers, and the weights of their terms for ablations.

    Attributes:
        bi_rank: Weights of the four terms of `bi_rank_loss`; None for a triplet loss.
        cycle: Weights of CycleMatch's dual, reconstruction and latent losses.
        entropy: Weight of ITMeetsAL's modality entropy; with 0 its discriminator has no influence.
        within: Weight of ITMeetsAL's KL matching inside each modality.
    """

    bi_rank: tuple[float, float, float, float] | None = (1.0, 0.5, 2.0, 1.0)
    cycle: tuple[float, float, float] = (1.0, 1.0, 1.0)
    entropy: float = 0.5
    within: float = 0.5

    def __call__(
        self, head: nn.Module, image: Tensor, text: Tensor, ids: Tensor, *, margin: float, hardest: int
    ) -> Tensor:
        """Compute the loss of one head.

        Args:
            head: Head of a joint space.
            image: Image features `[B, F]`.
            text: Text features `[B, F]`.
            ids: Identities `[B]`, see `shared.networks.crossmodal.matching_losses`.
            margin: Margin of the ranking.
            hardest: Number of negatives that count for each row and direction.
        """
        if isinstance(head, CycleMatch):
            cycles = head.image_cycle(image), head.text_cycle(text)
            return cycle_loss(*cycles, ids, weights=self.cycle, margin=margin, hardest=hardest)
        x, y = head_vectors(head, image, text)
        if isinstance(head, ITMeetsAL):
            encoders = encoder_loss(
                head, x, y, ids, entropy=self.entropy, within=self.within, margin=margin, hardest=hardest
            )
            return encoders + discriminator_loss(head, x, y)
        if isinstance(head, LinearProjections) or self.bi_rank is None:
            return triplet_loss(x, y, ids, margin=margin, hardest=hardest)
        # Divided by N and B, as in the paper, the loss is small compared with the other losses.
        return hardest * bi_rank_loss(x, y, ids, weights=self.bi_rank, margin=margin, hardest=hardest)


@dataclass(frozen=True)
class WarmUp:
    """Contrastive warm-up of all heads, with distillation of the text encoder.

    Attributes:
        distillation: Weight of `distillation_loss`.
    """

    distillation: float = 0.0

    def __call__(self, student: Student, batch: Batch) -> Tensor:
        x, subword_ids, ids, _, teacher = batch
        space = student.space
        image, text = student.embed_images(x, len(ids)), space.text(subword_ids)
        loss = image.new_zeros(())
        for name in space.heads:
            loss = loss + head_contrastive_loss(space, name, image, text, ids)
        return (
            loss + self.distillation * distillation_loss(student, text, teacher)
            if self.distillation
            else loss
        )


@dataclass(frozen=True)
class Matching:
    """Loss of each head's paper, and what a recipe adds to it.

    Attributes:
        margin: Margin of the ranking.
        hardest: Number of negatives that count for each row and direction.
        contrastive: Weight of `head_contrastive_loss`, which uses all negatives.
        distillation: Weight of `distillation_loss`.
        head_losses: Losses of the papers.
    """

    margin: float
    hardest: int
    contrastive: float = 0.0
    distillation: float = 0.0
    head_losses: HeadLosses = field(default_factory=HeadLosses)

    def __call__(self, student: Student, batch: Batch) -> Tensor:
        x, subword_ids, ids, _, teacher = batch
        space = student.space
        image, text = student.embed_images(x, len(ids)), space.text(subword_ids)
        loss = image.new_zeros(())
        for name, head in space.heads.items():
            loss = loss + self.head_losses(head, image, text, ids, margin=self.margin, hardest=self.hardest)
            if self.contrastive:
                loss = loss + self.contrastive * head_contrastive_loss(space, name, image, text, ids)
        return (
            loss + self.distillation * distillation_loss(student, text, teacher)
            if self.distillation
            else loss
        )


@dataclass(frozen=True)
class WithTexts:
    """Objective of pairs, with distillation on texts without images.

    Attributes:
        objective: Objective of the pairs; the batch has its tensors first, then those of `text_distillation`.
        weight: Weight of `text_distillation`.
    """

    objective: Objective
    weight: float

    def __call__(self, student: Student, batch: Batch) -> Tensor:
        *pairs, subword_ids, teacher = batch
        loss = self.objective(student, tuple(pairs))
        return loss + self.weight * text_distillation(student, (subword_ids, teacher))


@dataclass(frozen=True)
class Retaining:
    """Objective with learning without forgetting: known pairs keep their vectors.

    As in Li and Hoiem, "Learning without Forgetting", ECCV 2016, here on the vectors of all heads.

    Attributes:
        objective: Objective of all pairs, on region features.
        weight: Weight of the drift: for each head half the squared distance between the old and the new
            vectors of length 1, of images and of texts.
        reference: The joint space before the training, in eval mode.
        known_identities: Pairs of a lower identity are known to the reference.
    """

    objective: Objective
    weight: float
    reference: JointSpace
    known_identities: int

    def __call__(self, student: Student, batch: Batch) -> Tensor:
        drift = self._drift(student.space, batch)
        loss = self.objective(student, batch)
        return loss if drift is None else loss + self.weight * drift

    def _drift(self, space: JointSpace, batch: Batch) -> Tensor | None:
        x, subword_ids, ids, *_ = batch
        texts_per_image = len(ids) // len(x)
        retained = ids < self.known_identities
        if retained.sum() < 2 * texts_per_image:
            return None  # batch normalisation needs more than one image
        x, subword_ids = x[retained[::texts_per_image]], subword_ids[retained]
        with torch.no_grad():
            old = self.reference.image(x), self.reference.text(subword_ids)
        new = space.image(x), space.text(subword_ids)
        drift = x.new_zeros(())
        for name, head in space.heads.items():
            pairs = zip(head_vectors(head, *new), head_vectors(self.reference.heads[name], *old), strict=True)
            for vectors, reference in pairs:
                difference = F.normalize(vectors, dim=-1) - F.normalize(reference, dim=-1)
                drift = drift + difference.square().sum(-1).mean() / 2
        return drift


def head_contrastive_loss(space: JointSpace, name: str, image: Tensor, text: Tensor, ids: Tensor) -> Tensor:
    """Compute the contrastive loss of a head, the mean over all its scores.

    Args:
        space: Joint space in training; its temperatures learn as well.
        name: Name of the head.
        image: Image features `[B, F]`.
        text: Text features `[B, F]`.
        ids: Identities `[B]`, see `shared.networks.crossmodal.matching_losses`.
    """
    x, y = head_vectors(space.heads[name], image, text)
    scores = [(x, y)] if x.ndim == 2 else list(zip(x.unbind(1), y.unbind(1), strict=True))
    temperature = head_temperature(space, name)
    loss = x.new_zeros(())
    for pair in scores:
        loss = loss + contrastive_loss(*pair, ids, temperature=temperature)
    return loss / len(scores)


def head_vectors(head: nn.Module, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Return the vectors of a head, `[B, D]` or, of several scores, `[B, S, D]`.

    Args:
        head: Head of a joint space.
        image: Image features `[B, F]`.
        text: Text features `[B, F]`.
    """
    matching_head = cast(MatchingHead, head)
    return matching_head.images(image), matching_head.texts(text)


def head_temperature(space: JointSpace, name: str) -> Tensor:
    """Return the temperature of a head's contrastive loss, a scalar that learns."""
    return space.temperatures[name].exp().clamp(min=MIN_TEMPERATURE)
