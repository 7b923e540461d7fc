"""Validation of JMC in training, and the configuration that validation sets decide at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core.calibration import fit_probability
from shared.crossmodal.benchmarks.product_metrics import ProductSet, product_metrics
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.products.joint_classifier import CONFIG_KEYS, HEAD
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.student import Student
from shared.networks.crossmodal.jmc import JMC, negative_energy
from shared.networks.crossmodal.joint import JointSpace

#: Mismatched images of each text that the calibration uses.
MISMATCHES = 20
BATCH_SIZE = 128


@dataclass(frozen=True)
class ProductValidation:
    """Validation sets of products, and of images that belong to no class.

    Attributes:
        products: Validation split of each data set, by name.
        features: Region features of their images, `[images, 1 + R, K]`.
        outliers: Images and sentences that belong to no class.
        outlier_features: Region features of these images, `[images, 1 + R, K]`.
        tokenizer: Tokenizer of the texts.
        device: Device of the joint spaces.
    """

    products: dict[str, ProductSet]
    features: dict[str, np.ndarray]
    outliers: CaptionedImages
    outlier_features: np.ndarray
    tokenizer: SubwordTokenizer
    device: str

    def __call__(self, student: Student) -> dict[str, float]:
        """Return figures on the validation sets; `score` and its parts are means over the sets."""
        space = student.space
        figures: dict[str, float] = {}
        for name, products in self.products.items():
            texts = list(dict.fromkeys(products.all_texts))
            vectors = dict(zip(texts, self.embed_texts(space, texts).numpy(force=True), strict=True))
            images = self.embed_images(space, self.features[name]).numpy(force=True)
            metrics = product_metrics(joint_head(space), products, images, vectors)
            for row, line in metrics.items():
                figures |= {f"{name}, {row}, {key}": value for key, value in line.items()}

        def mean(suffix: str) -> float:
            return float(np.mean([value for name, value in figures.items() if name.endswith(suffix)]))

        matching, classification = mean("i2t_R@1") + mean("t2i_mAP"), mean("top1_image") + mean("top1_both")
        return figures | {
            "matching": matching,
            "classification": classification,
            "score": matching + classification,
        }

    @torch.inference_mode()
    def embed_images(self, space: JointSpace, rows: np.ndarray) -> Tensor:
        """Return the vectors of images with these region features, `[images, D]`."""
        batches = (batch.float().to(self.device) for batch in torch.from_numpy(rows).split(BATCH_SIZE))
        return torch.cat([space.embed_images(space.image(batch), HEAD) for batch in batches])

    @torch.inference_mode()
    def embed_texts(self, space: JointSpace, texts: Sequence[str]) -> Tensor:
        """Return the vectors of texts, `[texts, D]`."""
        batches = (texts[start : start + BATCH_SIZE] for start in range(0, len(texts), BATCH_SIZE))
        subword_ids = (torch.from_numpy(self.tokenizer(batch)).to(self.device) for batch in batches)
        return torch.cat([space.embed_texts(space.text(ids), HEAD) for ids in subword_ids])

    @torch.inference_mode()
    def fit_calibration(self, space: JointSpace) -> dict[str, Any]:
        """Fit match probability, temperatures and the probability of any class on the validation sets.

        Returns:
            Keys of a configuration, see `shared.crossmodal.products.joint_classifier.JointClassifier`.
        """
        rng = np.random.default_rng(0)
        matched, mismatched, logits, targets = [], [], [], []
        for name, products in self.products.items():
            data = products.data
            images = self.embed_images(space, self.features[name])
            texts = self.embed_texts(space, data.texts)
            similarity = (images @ texts.T).numpy(force=True)
            indices = rng.integers(len(data.images), size=(MISMATCHES, len(data.texts)))
            usable = data.identities[indices] != data.identities[data.image_index]
            matched.append(similarity[data.image_index, np.arange(len(data.texts))])
            mismatched.append(similarity[indices, np.arange(len(data.texts))][usable])
            logits.append(_logits(space, images, self.embed_texts(space, data.first_texts())))
            targets.append(torch.from_numpy(products.targets).to(images.device))
        outliers = _logits(
            space,
            self.embed_images(space, self.outlier_features),
            self.embed_texts(space, self.outliers.first_texts()),
        )
        temperatures, energy_fits = {}, {}
        for modality, outlier_logits in outliers.items():
            known_logits = torch.cat([part[modality] for part in logits])
            temperatures[CONFIG_KEYS[modality]] = _fit_temperature(known_logits, torch.cat(targets))
            energies = (negative_energy(part).numpy(force=True) for part in (known_logits, outlier_logits))
            energy_fits[CONFIG_KEYS[modality]] = _rounded(fit_probability(*energies))
        curve = fit_probability(np.concatenate(matched), np.concatenate(mismatched))
        return {"calibration": {HEAD: _rounded(curve)}, "temperatures": temperatures, "fits": energy_fits}


def joint_head(space: JointSpace) -> JMC:
    """Return the head of JMC of a joint space."""
    return cast(JMC, space.heads[HEAD])


def _logits(space: JointSpace, images: Tensor, texts: Tensor) -> dict[str, Tensor]:
    """Return the logits of all classes but that of outliers, by modality."""
    inputs = {"image": (images, None), "text": (None, texts), "combined": (images, texts)}
    return {modality: joint_head(space).classify(*pair)[:, :-1] for modality, pair in inputs.items()}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in values]


def _fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature that maximises the likelihood of the softmax; Guo et al., ICML 2017."""
    temperatures = np.geomspace(0.2, 5, 65).tolist()
    losses = [float(F.cross_entropy(logits / temperature, targets)) for temperature in temperatures]
    return round(temperatures[int(np.argmin(losses))], 4)
