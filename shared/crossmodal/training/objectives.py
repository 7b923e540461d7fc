"""What each joint space is trained with: the loss of its paper on top of both encoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.crossmodal.training.teacher import LENGTH
from shared.networks.cyclematch import cycle_loss
from shared.networks.itmeetsal import discriminator_loss, encoder_loss
from shared.networks.jmc import classification_loss
from shared.networks.joint import JointSpace
from shared.networks.matching_losses import bi_rank_loss, contrastive_loss, triplet_loss

#: Pictures that the base sees at once: the maps of more leave the cache of a CPU, which halves its speed.
CHUNK = 16


class Student(nn.Module):
    """A joint space in training, and the layer that speaks to the teacher of sentences."""

    def __init__(self, space: JointSpace) -> None:
        super().__init__()
        self.space = space
        self.to_teacher = nn.Linear(space.text.last[-1].out_features, LENGTH)

    def read(self, seen: Tensor, texts: int) -> Tensor:
        """Embeddings `[texts, F]` of pictures `[B, 3, H, W]`, or of their descriptions `[B, 1 + R, K]`.

        Each picture's embedding comes as often in a row as it has texts in the batch.
        """
        rows = seen
        if seen.ndim == 4:
            rows = torch.cat([self.space.base(part) for part in seen.split(CHUNK)])
        return self.space.image(rows).repeat_interleave(texts // len(seen), 0)


@dataclass(frozen=True)
class Ranking:
    """Which parts of the papers' losses count, for ablations; by default all of them.

    Attributes:
        bi_rank: Weights of the bi-rank loss's four terms, see `bi_rank_loss`; None for a triplet loss.
        cycle: Weights of CycleMatch's dual, reconstruction and latent losses.
        entropy: Weight of ITMeetsAL's modality entropy; with 0 its discriminator only watches.
        within: Weight of ITMeetsAL's KL matching inside each modality.
    """

    bi_rank: tuple[float, float, float, float] | None = (1.0, 0.5, 2.0, 1.0)
    cycle: tuple[float, float, float] = (1.0, 1.0, 1.0)
    entropy: float = 0.5
    within: float = 0.5

    def loss(
        self, name: str, head: nn.Module, image: Tensor, text: Tensor, ids: Tensor, **rank: float | int
    ) -> Tensor:
        """The loss of one head on embeddings `[B, features]`; other arguments as for `match`."""
        if name == "cyclematch":
            return cycle_loss(head.image_cycle(image), head.text_cycle(text), ids, weights=self.cycle, **rank)
        x, y = head.images(image), head.texts(text)
        if name == "itmeetsal":
            parts = {"entropy": self.entropy, "within": self.within}
            return encoder_loss(head, x, y, ids, **parts, **rank) + discriminator_loss(head, x, y)
        if name == "plain" or self.bi_rank is None:
            return triplet_loss(x, y, ids, **rank)
        # Divided by N and B, as the paper has it, the loss is small beside the others.
        return rank["hardest"] * bi_rank_loss(x, y, ids, weights=self.bi_rank, **rank)


def distillation(pupil: Student, text: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine with the teacher's vectors; nothing for texts that have none.

    Args:
        pupil: In training.
        text: Embeddings `[B, features]` of texts.
        teacher: `[B, LENGTH]`, rows of zeros where there are none.

    Returns:
        0..2, the mean over texts with a vector.
    """
    known = teacher.abs().sum(1) > 0
    apart = 1 - F.cosine_similarity(pupil.to_teacher(text), teacher, dim=1)
    return (apart * known).sum() / known.sum().clamp(min=1)


def head_contrastive_loss(space: JointSpace, name: str, image: Tensor, text: Tensor, ids: Tensor) -> Tensor:
    """Contrastive loss, the mean over all scores of a head.

    Args:
        space: In training; its temperatures learn as well.
        name: Of the head.
        image: Embeddings `[B, features]` of pictures.
        text: Embeddings `[B, features]` of their texts.
        ids: `[B]`, see `shared.networks.matching_losses`.
    """
    head = space.heads[name]
    x, y = head.images(image), head.texts(text)
    scores = [(x, y)] if x.ndim == 2 else list(zip(x.unbind(1), y.unbind(1), strict=True))
    # Below 0.01 cosines would count for nothing but rounding.
    temperature = space.temperatures[name].exp().clamp(min=0.01)
    return sum(contrastive_loss(*both, ids, temperature=temperature) for both in scores) / len(scores)


def text_distillation_loss(pupil: Student, batch: tuple[Tensor, ...]) -> Tensor:
    """The teacher's vectors alone, for texts without pictures."""
    pieces, teacher = batch
    return distillation(pupil, pupil.space.text(pieces), teacher)


def add_text_distillation(
    pupil: Student,
    batch: tuple[Tensor, ...],
    *,
    loss: Callable[[Student, tuple[Tensor, ...]], Tensor],
    weight: float,
) -> Tensor:
    """A loss of pairs, and what the teacher says of texts without pictures.

    Args:
        pupil: In training.
        batch: What `loss` reads, then that of `text_distillation_loss`.
        loss: Of pairs.
        weight: Of `text_distillation_loss`.
    """
    *pairs, pieces, teacher = batch
    return loss(pupil, tuple(pairs)) + weight * text_distillation_loss(pupil, (pieces, teacher))


def retain_embeddings(
    pupil: Student,
    batch: tuple[Tensor, ...],
    *,
    loss: Callable[[Student, tuple[Tensor, ...]], Tensor],
    weight: float,
    before: JointSpace,
    familiar: int,
) -> Tensor:
    """A loss, and how far pairs that a space knew have moved since: what is new must not cost what is old.

    As in Li and Hoiem, "Learning without Forgetting", ECCV 2016, here with the vectors of all heads.

    Args:
        pupil: In training.
        batch: What `loss` reads, of descriptions.
        loss: Of all pairs.
        weight: Of what has moved: for each head half the squared distance between vectors of length 1, of
            pictures and of texts.
        before: The space as it was, in eval mode.
        familiar: Pairs with a lower identity are known to it.
    """
    seen, pieces, ids, *_ = batch
    texts = len(ids) // len(seen)
    known = ids < familiar
    if known.sum() < 2 * texts:
        return loss(pupil, batch)  # batch normalisation needs more than one picture
    seen, pieces = seen[known[::texts]], pieces[known]
    with torch.no_grad():
        old = before.image(seen), before.text(pieces)
    new = pupil.space.image(seen), pupil.space.text(pieces)
    moved = seen.new_zeros(())
    for name, head in pupil.space.heads.items():
        was = before.heads[name]
        for now, then in ((head.images(new[0]), was.images(old[0])), (head.texts(new[1]), was.texts(old[1]))):
            apart = F.normalize(now, dim=-1) - F.normalize(then, dim=-1)
            moved = moved + apart.square().sum(-1).mean() / 2
    return loss(pupil, batch) + weight * moved


def warm_up_loss(pupil: Student, batch: tuple[Tensor, ...], *, distil: float) -> Tensor:
    """Contrastive loss of each head, and the teacher's words with the weight `distil`."""
    seen, pieces, ids, _, teacher = batch
    image, text = pupil.read(seen, len(ids)), pupil.space.text(pieces)
    loss = sum(head_contrastive_loss(pupil.space, name, image, text, ids) for name in pupil.space.heads)
    return loss + distil * distillation(pupil, text, teacher) if distil else loss


def match(
    pupil: Student,
    batch: tuple[Tensor, ...],
    *,
    margin: float,
    hardest: int,
    contrast: float = 0.0,
    distil: float = 0.0,
    ranking: Ranking | None = None,
) -> Tensor:
    """The loss of each head's paper, and what else a recipe adds to it.

    Args:
        pupil: In training.
        batch: From `shared.crossmodal.training.batches.Pairs.draw`.
        margin: Of the ranking.
        hardest: How many negatives count for each row and direction.
        contrast: Weight of the contrastive loss, which looks at all negatives.
        distil: Weight of `distillation`.
        ranking: What parts of the papers' losses count; by default all.
    """
    seen, pieces, ids, _, teacher = batch
    space = pupil.space
    image, text = pupil.read(seen, len(ids)), space.text(pieces)
    rank = {"margin": margin, "hardest": hardest}
    loss = image.new_zeros(())
    for name, head in space.heads.items():
        loss = loss + (ranking or Ranking()).loss(name, head, image, text, ids, **rank)
        if contrast:
            loss = loss + contrast * head_contrastive_loss(space, name, image, text, ids)
    return loss + distil * distillation(pupil, text, teacher) if distil else loss


def product_loss(
    pupil: Student,
    batch: tuple[Tensor, ...],
    *,
    matching: float,
    classification: float,
    margin: float,
    hardest: int,
) -> Tensor:
    """Both losses of JMC, each with its weight; for a joint space with JMC's head.

    Args:
        pupil: In training.
        batch: Products from `shared.crossmodal.training.batches.Pairs.draw`, then others' descriptions and pieces.
        matching: Weight of the contrastive and the bi-rank loss.
        classification: Weight of the cross-entropies, of products and of what is none.
        margin: Of the ranking.
        hardest: How many negatives count for each row and direction.
    """
    seen, pieces, ids, classes, _, other_seen, other_pieces = batch
    space, head = pupil.space, pupil.space.heads["jmc"]
    x, y = head.images(space.image(seen)), head.texts(space.text(pieces))
    loss = x.new_zeros(())
    if matching:
        temperature = space.temperatures["jmc"].exp().clamp(min=0.01)
        rank = hardest * bi_rank_loss(x, y, ids, margin=margin, hardest=hardest)
        loss = loss + matching * (rank + contrastive_loss(x, y, ids, temperature=temperature))
    if classification:
        # No embedding learns from what is no product, not even the mean that its normalisation keeps.
        space.eval()
        with torch.no_grad():
            u, v = head.images(space.image(other_seen)), head.texts(space.text(other_pieces))
        space.train()
        neither = classes.new_full((len(u),), head.classifier[-1].out_features - 1)
        both = torch.cat([x, u]), torch.cat([y, v]), torch.cat([classes, neither])
        loss = loss + classification * classification_loss(head, *both)
    return loss
