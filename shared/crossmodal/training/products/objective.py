"""Training objective of JMC: matching and classification of products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from shared.crossmodal.products.joint_classifier import HEAD
from shared.crossmodal.training.objectives import head_temperature, head_vectors
from shared.crossmodal.training.student import Batch, Student
from shared.networks.crossmodal.jmc import JMC, classification_loss
from shared.networks.crossmodal.matching_losses import bi_rank_loss, contrastive_loss


@dataclass(frozen=True)
class ProductMatching:
    """Objective of JMC, for a joint space with its head: matching and classification.

    The batch has products from `PairSampler.draw`, then region features and subword ids of outliers, which
    belong to no class.

    Attributes:
        margin: Margin of the ranking.
        hardest: Number of negatives that count for each row and direction.
        matching: Weight of the contrastive and the bi-rank loss.
        classification: Weight of the cross-entropies, of products and outliers.
    """

    margin: float
    hardest: int
    matching: float
    classification: float

    def __call__(self, student: Student, batch: Batch) -> Tensor:
        x, subword_ids, ids, classes, _, outlier_x, outlier_ids = batch
        space = student.space
        head = cast(JMC, space.heads[HEAD])
        image, text = head.images(space.image(x)), head.texts(space.text(subword_ids))
        loss = image.new_zeros(())
        if self.matching:
            rank = bi_rank_loss(image, text, ids, margin=self.margin, hardest=self.hardest)
            contrastive = contrastive_loss(image, text, ids, temperature=head_temperature(space, HEAD))
            loss = loss + self.matching * (self.hardest * rank + contrastive)
        if self.classification:
            # Embeddings learn nothing from outliers, not even the running mean of their normalisation.
            space.eval()
            with torch.no_grad():
                outliers = head_vectors(head, space.image(outlier_x), space.text(outlier_ids))
            space.train()
            last_class = cast(nn.Linear, head.classifier[-1]).out_features - 1
            outlier_classes = classes.new_full((len(outliers[0]),), last_class)
            images, texts = torch.cat([image, outliers[0]]), torch.cat([text, outliers[1]])
            labels = torch.cat([classes, outlier_classes])
            loss = loss + self.classification * classification_loss(head, images, texts, labels)
        return loss
