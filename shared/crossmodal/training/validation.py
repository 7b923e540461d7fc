"""Validation of joint spaces in training, and the configuration that validation sets decide at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from shared.crossmodal.benchmarks.recall import recall_metrics, shared_text_metrics
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.embedders.region_features import View, embed_views
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.calibration import calibrate
from shared.crossmodal.training.feature_cache import region_features
from shared.crossmodal.training.score_fusion import adaptive_weights, fuse
from shared.crossmodal.training.student import Student
from shared.networks.crossmodal.cyclematch import CycleMatch
from shared.networks.crossmodal.joint import ENSEMBLE, JointSpace
from shared.networks.crossmodal.regions import RegionBackbone

BATCH_SIZE = 128


class ValidationSet:
    """One validation set.

    Args:
        data: Images and texts.
        features: Region features of the images, `[images, 1 + R, K]`, for joint spaces without a backbone of
            their own; None if there are no such.
        tokenizer: Tokenizer of the texts.
        device: Device of the joint spaces.

    Attributes:
        data: See above.
        features: See above; may be replaced.
    """

    def __init__(
        self, data: CaptionedImages, features: np.ndarray | None, tokenizer: SubwordTokenizer, device: str
    ) -> None:
        self.data, self.features, self._tokenizer, self._device = data, features, tokenizer, device

    def __call__(self, student: Student) -> dict[str, float]:
        """Return the figures of a student; `score` selects the weights."""
        space, data = student.space, self.data
        images = self.embed_images(space)
        if data.classes is None:
            texts = self.embed_texts(space, data.texts)
            metrics = {
                name: recall_metrics(similarity(space, images, texts, name), data.image_index)
                for name in space.engines
            }
            first, *engines = space.engines
            r_sums = {f"{name}_R_sum": metrics[name]["R_sum"] for name in engines}
            return metrics[first] | r_sums | {"score": metrics[first]["R_sum"]}
        distinct, relevant = data.distinct_texts()
        texts = self.embed_texts(space, distinct)
        figures = shared_text_metrics(similarity(space, images, texts, space.engines[0]), relevant)
        return figures | {"score": figures["i2t_R@1"] + figures["t2i_mAP"]}

    @torch.inference_mode()
    def embed_images(self, space: JointSpace) -> Tensor:
        """Return the image features of the set, `[images, F]`."""
        rows = self.features
        if space.base is not None:
            rows = np.concatenate(
                [region_features(space.base, [image.image()]) for image in self.data.images]
            )
        assert rows is not None
        batches = torch.from_numpy(rows).split(BATCH_SIZE)
        return torch.cat([space.image(batch.float().to(self._device)) for batch in batches])

    @torch.inference_mode()
    def embed_texts(self, space: JointSpace, texts: Sequence[str]) -> Tensor:
        """Return the text features of any texts, `[texts, F]`."""
        subword_ids = (torch.from_numpy(self._tokenizer(batch)) for batch in _batches(texts))
        return torch.cat([space.text(ids.to(self._device)) for ids in subword_ids])


class ValidationSets:
    """Several validation sets; the first one decides how scores are fused, and all what scores mean.

    Args:
        sets: The sets.

    Attributes:
        sets: See above.
    """

    def __init__(self, sets: Sequence[ValidationSet]) -> None:
        self.sets = sets

    def __call__(self, student: Student) -> dict[str, float]:
        """Return the figures of all sets, those after the first with their names; scores are summed."""
        figures, *extra = (part(student) for part in self.sets)
        for part, part_figures in zip(self.sets[1:], extra, strict=True):
            figures |= {f"{part.data.name}: {name}": value for name, value in part_figures.items()}
            figures["score"] += part_figures["score"]
        return figures

    @torch.inference_mode()
    def embed(
        self,
        space: JointSpace,
        backbone: RegionBackbone,
        views: Sequence[View],
        *,
        keeps_aspect: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return the image and text features of all sets, as a search computes them.

        Args:
            space: The joint space.
            backbone: Network for region features.
            views: Test-time augmentation views.
            keeps_aspect: See `shared.crossmodal.embedders.region_features.Framing`.
        """
        images = [image for part in self.sets for image in part.data.images]
        texts = [text for part in self.sets for text in part.data.texts]
        features = [
            embed_views(backbone, space.image, image.image(), views, keeps_aspect=keeps_aspect)
            for image in images
        ]
        return torch.stack(features), self.sets[0].embed_texts(space, texts)

    @torch.inference_mode()
    def fit_score_weights(self, space: JointSpace, images: Tensor, texts: Tensor) -> dict[str, Any]:
        """Fit and set the weights of CycleMatch's late fusion on the first set.

        Args:
            space: Joint space whose weights are set.
            images: Image features, see `embed`.
            texts: Text features, see `embed`.

        Returns:
            Keys of a configuration: `scores`; none without CycleMatch.
        """
        if "cyclematch" not in space.heads:
            return {}
        head, first = cast(CycleMatch, space.heads["cyclematch"]), self.sets[0].data
        vectors = head.images(images[: len(first.images)]), head.texts(texts[: len(first.texts)])
        scores = np.einsum("ikd,jkd->kij", *(part.cpu().numpy() for part in vectors))
        weights = adaptive_weights(scores, first.image_index)
        space.set_score_weights(weights)
        return {"scores": weights}

    def fit_calibration(self, space: JointSpace, images: Tensor, texts: Tensor) -> dict[str, Any]:
        """Fit and set the weights of the ensemble on the first set, and calibrate all engines on all sets.

        Args:
            space: Joint space whose weights are set.
            images: Image features, see `embed`.
            texts: Text features, see `embed`.

        Returns:
            Keys of a configuration: `shares`, if there is an ensemble, and those of `calibrate`, by engine.
        """
        config: dict[str, Any] = {}
        first = self.sets[0].data
        data = join([part.data for part in self.sets]) if len(self.sets) > 1 else first
        of_first = slice(len(first.images)), slice(len(first.texts))
        scores = {name: similarity(space, images, texts, name) for name in space.heads}
        if ENSEMBLE in space.engines:
            heads = np.stack(list(scores.values()))
            weights = adaptive_weights(
                heads[:, of_first[0], of_first[1]], first.image_index, factors=(0.5, 2.0)
            )
            space.set_head_weights(weights)
            config["shares"] = weights
            scores[ENSEMBLE] = fuse(heads, weights)
        for engine in space.engines:
            print(f"{engine}: {recall_metrics(scores[engine][of_first], first.image_index)}")
            for name, value in calibrate(scores[engine], data.image_index, data.identities).items():
                config.setdefault(name, {})[engine] = value
        return config


@torch.inference_mode()
def similarity(space: JointSpace, images: Tensor, texts: Tensor, engine: str) -> np.ndarray:
    """Return the scores of image and text features, float32 `[images, texts]`."""
    return (space.embed_images(images, engine) @ space.embed_texts(texts, engine).T).float().cpu().numpy()


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + BATCH_SIZE] for start in range(0, len(texts), BATCH_SIZE))
