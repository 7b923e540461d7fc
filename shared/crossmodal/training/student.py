"""Student: a joint space in training, whose text encoder also learns from a teacher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.crossmodal.training.teacher import TEACHER_DIM
from shared.networks.crossmodal.joint import JointSpace

#: Images that pass through the backbone at once: the maps of more leave the cache of a CPU, at half the
#: speed.
CHUNK_SIZE = 16

#: Tensors of a batch, see `shared.crossmodal.training.batches`.
Batch: TypeAlias = tuple[Tensor, ...]


class Student(nn.Module):
    """Joint space in training, with the projection of its text encoder to the teacher's vectors.

    Args:
        space: The joint space.
    """

    def __init__(self, space: JointSpace) -> None:
        super().__init__()
        self.space = space
        last = cast(nn.Linear, space.text.last[-1])
        self.to_teacher = nn.Linear(last.out_features, TEACHER_DIM)

    def embed_images(self, x: Tensor, texts: int) -> Tensor:
        """Embed images and repeat each embedding for the image's texts.

        Args:
            x: Images `[B, 3, H, W]`, or region features `[B, 1 + R, K]`.
            texts: Number of texts in the batch, a multiple of B.

        Returns:
            `[texts, F]`.
        """
        rows = x
        if x.ndim == 4:
            assert self.space.base is not None
            rows = torch.cat([self.space.base(chunk) for chunk in x.split(CHUNK_SIZE)])
        return self.space.image(rows).repeat_interleave(texts // len(x), 0)


#: Scalar loss of a student on a batch.
Objective: TypeAlias = Callable[[Student, Batch], Tensor]


def distillation_loss(student: Student, text: Tensor, teacher: Tensor) -> Tensor:
    """Compute one minus the cosine with the teacher's vectors.

    Args:
        student: Student in training.
        text: Text features `[B, F]`.
        teacher: `[B, TEACHER_DIM]`, zeros for texts that do not count.

    Returns:
        Mean over the texts that count, 0..2.
    """
    mask = teacher.abs().sum(1) > 0
    distance = 1 - F.cosine_similarity(student.to_teacher(text), teacher, dim=1)
    return (distance * mask).sum() / mask.sum().clamp(min=1)


def text_distillation(student: Student, batch: Batch) -> Tensor:
    """Compute `distillation_loss` of a batch of `TextSampler`."""
    subword_ids, teacher = batch
    return distillation_loss(student, student.space.text(subword_ids), teacher)


@torch.inference_mode()
def fit_projection(student: Student, text: Tensor, teacher: Tensor) -> None:
    """Fit the projection to the teacher's vectors, which weights do not hold, by least squares.

    Args:
        student: Student whose projection is set.
        text: Text features of its space `[N, F]`.
        teacher: Vectors of the teacher `[N, TEACHER_DIM]`, float32.
    """
    x = torch.cat([text.cpu(), torch.ones(len(text), 1)], 1)
    # Damped a little: a short text encoder leaves some directions nearly empty.
    solution = torch.linalg.solve(x.T @ x + 1e-3 * len(x) * torch.eye(x.shape[1]), x.T @ teacher)
    student.to_teacher.weight.copy_(solution[:-1].T)
    student.to_teacher.bias.copy_(solution[-1])
