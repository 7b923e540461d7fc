"""What each joint space is trained with: the loss of its paper on top of both encoders."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from shared.crossmodal.teacher import LENGTH
from shared.networks.cyclematch import cycle_loss
from shared.networks.itmeetsal import discriminator_loss, encoder_loss
from shared.networks.jmc import classification_loss
from shared.networks.joint import JointSpace
from shared.networks.matching_losses import bi_rank_loss, contrastive_loss, triplet_loss


class Pupil(nn.Module):
    """A joint space in training, and the layer that speaks to the teacher of sentences."""

    def __init__(self, space: JointSpace) -> None:
        super().__init__()
        self.space = space
        self.to_teacher = nn.Linear(space.text.last[-1].out_features, LENGTH)

    def read(self, seen: Tensor) -> Tensor:
        """The embedding of pictures `[B, 3, H, W]`, or of their descriptions `[B, 1 + R, K]`."""
        rows = self.space.base(seen) if seen.ndim == 4 else seen
        return self.space.image(rows)


def distillation(pupil: Pupil, text: Tensor, teacher: Tensor) -> Tensor:
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


def contrast_scores(space: JointSpace, image: Tensor, text: Tensor, ids: Tensor) -> Tensor:
    """Contrastive loss, the mean over all scores of the joint space.

    Args:
        space: In training; its temperature learns as well.
        image: Embeddings `[B, features]` of pictures.
        text: Embeddings `[B, features]` of their texts.
        ids: `[B]`, see `shared.networks.matching_losses`.
    """
    x, y = space.matcher.images(image), space.matcher.texts(text)
    scores = [(x, y)] if x.ndim == 2 else list(zip(x.unbind(1), y.unbind(1), strict=True))
    # Below 0.01 cosines would count for nothing but rounding.
    temperature = space.temperature.exp().clamp(min=0.01)
    return sum(contrastive_loss(*both, ids, temperature=temperature) for both in scores) / len(scores)


def warm_up(pupil: Pupil, batch: tuple[Tensor, ...], *, distil: float) -> Tensor:
    """Contrastive loss, and the teacher's words with the weight `distil`."""
    seen, pieces, ids, _, teacher = batch
    text = pupil.space.text(pieces)
    loss = contrast_scores(pupil.space, pupil.read(seen), text, ids)
    return loss + distil * distillation(pupil, text, teacher) if distil else loss


def match(
    pupil: Pupil,
    batch: tuple[Tensor, ...],
    *,
    margin: float,
    hardest: int,
    contrast: float = 0.0,
    distil: float = 0.0,
    classify: float = 0.0,
) -> Tensor:
    """The loss of the matcher's paper, and what else a recipe adds to it.

    Args:
        pupil: In training.
        batch: From `shared.crossmodal.batches.Pairs.draw`.
        margin: Of the ranking.
        hardest: How many negatives count for each row and direction.
        contrast: Weight of the contrastive loss, which looks at all negatives.
        distil: Weight of `distillation`.
        classify: Weight of the classification loss, for JMC.
    """
    seen, pieces, ids, classes, teacher = batch
    space, matcher = pupil.space, pupil.space.matcher
    image, text = pupil.read(seen), space.text(pieces)
    rank = {"margin": margin, "hardest": hardest}
    if space.kind == "cyclematch":
        loss = cycle_loss(matcher.image_cycle(image), matcher.text_cycle(text), ids, **rank)
    else:
        x, y = matcher.images(image), matcher.texts(text)
        if space.kind == "itmeetsal":
            loss = encoder_loss(matcher, x, y, ids, **rank) + discriminator_loss(matcher, x, y)
        elif space.kind == "plain":
            loss = triplet_loss(x, y, ids, **rank)
        else:  # divided by N and B, as the paper has it, the loss is small beside the others
            loss = hardest * bi_rank_loss(x, y, ids, **rank)
        if classify:
            loss = loss + classify * classification_loss(matcher, x, y, classes)
    if contrast:
        loss = loss + contrast * contrast_scores(space, image, text, ids)
    return loss + distil * distillation(pupil, text, teacher) if distil else loss
