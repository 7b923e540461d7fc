"""Joint matching and classification of products by image and text.

classifier = JointClassifier.load()
prediction = classifier("apple.jpg", "a green apple with firm flesh")
print(prediction.best_evidence.best.label, prediction.match_probability)
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import torch

from shared.core import engines, weights
from shared.core.calibration import probability
from shared.core.errors import InputError
from shared.core.images import Source, open_image
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import CLASSIFIERS, JMC
from shared.crossmodal.products.prediction import ClassPrediction, ModalityPrediction, ProductPrediction
from shared.crossmodal.text.words import split_words
from shared.networks.crossmodal.jmc import JMC as JMCHead
from shared.networks.crossmodal.jmc import negative_energy

#: Head of the joint space that matches and classifies.
HEAD = "jmc"
#: Class of whatever belongs to no data set.
OUTLIER_CLASS = "something else"
#: Keys of `temperatures` and `fits` in the weights' configuration, by modality.
CONFIG_KEYS = {"image": "picture", "text": "words", "combined": "both"}


class JointClassifier:
    """Joint classifier; `JointClassifier.load` returns one. Calls may come from many threads at once.

    Attributes:
        engine: Name of the engine.
        embedder: Model that embeds images and texts.
        labels: Names of the classes.
        groups: Data set of each class.

    Args:
        engine: See above.
        embedder: Joint space with the head of JMC. Its configuration has `class_names`, of which the last is
            `OUTLIER_CLASS`; `sets`, the first class of each data set and the one after its last; and for each
            of `both`, `picture` and `words` the temperature of the logits (`temperatures`) and scale and
            offset from their energy to the probability of any class (`fits`, see
            `shared.core.calibration.probability`).

    Raises:
        WeightsError: The configuration is incomplete.
    """

    def __init__(self, engine: str, embedder: JointSpaceEmbedder) -> None:
        self.engine, self.embedder = engine, embedder
        config, head = embedder.config, embedder.network.heads[HEAD]
        assert isinstance(head, JMCHead)
        self._head = head
        names = tuple(config.get("class_names") or ())
        complete = {"sets", "temperatures", "fits"} <= config.keys() and names[-1:] == (OUTLIER_CLASS,)
        if not complete or len(names) != head.classifier[-1].out_features:
            raise weights.WeightsError(
                f"The weights of {engine} do not say what their classes are: train them with "
                "`python -m shared.crossmodal.train_jmc`."
            )
        self.labels = names[:-1]
        self.groups = tuple(
            group
            for group, (first, end) in sorted(config["sets"].items(), key=lambda item: item[1])
            for _ in range(first, end)
        )
        self._temperatures, self._energy_fits = config["temperatures"], config["fits"]
        self._device = next(self._head.parameters()).device

    @classmethod
    def load(
        cls,
        name: str = JMC,
        *,
        folder: str | os.PathLike | None = None,
        backbone_folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> JointClassifier:
        """Load an engine.

        Args:
            name: One of `shared.crossmodal.engines.CLASSIFIERS`.
            folder: Weights to use in place of the engine's own.
            backbone_folder: Weights to use in place of the recognition network's own.
            device: Device of the networks; by default the best available.
            allow_hub: True permits a download of weights that are not on this machine.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Weights cannot be used.
        """
        engine = engines.find(CLASSIFIERS, name)
        embedder = engine.load(
            folder=folder, backbone_folder=backbone_folder, device=device, allow_hub=allow_hub
        )
        return cls(name, embedder)

    def __call__(
        self, image: Source | None = None, text: str | None = "", *, top_k: int = 5
    ) -> ProductPrediction:
        """Classify an image, a text, or both.

        Args:
            image: Image as `shared.core.images.open_image` takes it, or None.
            text: Text of any length and script. None and a text without words count as no text.
            top_k: Number of classes in each prediction.

        Raises:
            InputError: There is neither an image nor a word.
            ImageError: The image cannot be used.
            ValueError: `top_k` is not a whole number of at least 1.
        """
        started = time.perf_counter()
        if not isinstance(top_k, int) or top_k < 1:
            raise ValueError(f"top_k must be a whole number of at least 1, received {top_k!r}")
        if not split_words(text or ""):
            text = None
        if image is None and text is None:
            raise InputError("Give a picture, some words, or both.")
        x = None if image is None else self.embedder.embed_images([open_image(image)], HEAD)
        y = None if text is None else self.embedder.embed_texts([text], HEAD)
        prediction = self._predict(x, y, top_k)
        return replace(prediction, seconds=time.perf_counter() - started)

    @torch.inference_mode()
    def probabilities(self, images: np.ndarray | None, texts: np.ndarray | None) -> np.ndarray:
        """Compute the probabilities of all classes, and last that of none of them.

        Args:
            images: Vectors of images, `[N, D]`, or None.
            texts: Vectors of the text on each, `[N, D]`, or None, but not both.

        Returns:
            float32 `[N, classes + 1]`, of sum 1.
        """
        modality = "text" if images is None else "image" if texts is None else "combined"
        key = CONFIG_KEYS[modality]
        x, y = (
            None if vectors is None else torch.from_numpy(vectors).to(self._device)
            for vectors in (images, texts)
        )
        logits = self._head.classify(x, y)[:, :-1]
        conditional = (logits / self._temperatures[key]).softmax(1).cpu().numpy()
        in_distribution = probability(negative_energy(logits).cpu().numpy(), *self._energy_fits[key])
        in_distribution = in_distribution.astype(np.float32)[:, None]
        return np.concatenate([conditional * in_distribution, 1 - in_distribution], 1)

    def _predict(self, x: np.ndarray | None, y: np.ndarray | None, top_k: int) -> ProductPrediction:
        """Classify the vector of an image, that of a text, or both, `[1, D]`."""
        image = None if x is None else self.probabilities(x, None)[0]
        text = None if y is None else self.probabilities(None, y)[0]
        prediction = ProductPrediction(
            combined=None,
            image=None if image is None else self._modality_prediction(image, top_k),
            text=None if text is None else self._modality_prediction(text, top_k),
            engine=self.engine,
        )
        if x is None or y is None or image is None or text is None:
            return prediction
        combined = self.probabilities(x, y)[0]
        score = float(x[0] @ y[0])
        best = int(combined[:-1].argmax())
        image_bits, text_bits = shapley_bits(
            float(image[best]), float(text[best]), float(combined[best]), len(self.labels)
        )
        return replace(
            prediction,
            combined=self._modality_prediction(combined, top_k),
            match_probability=float(self.embedder.calibration(HEAD).probability(score)),
            score=score,
            image_bits=image_bits,
            text_bits=text_bits,
        )

    def _modality_prediction(self, probabilities: np.ndarray, top_k: int) -> ModalityPrediction:
        order = np.argsort(-probabilities[:-1], kind="stable")[:top_k].tolist()
        classes = tuple(
            ClassPrediction(self.labels[index], self.groups[index], float(probabilities[index]))
            for index in order
        )
        return ModalityPrediction(classes, float(1 - probabilities[-1]))


def shapley_bits(image: float, text: float, combined: float, classes: int) -> tuple[float, float]:
    """Compute the Shapley values of image and text for one class, in bits.

    Shapley, "A Value for n-Person Games", 1953: the mean over both orders in which the evidence can come in.

    Args:
        image: Probability of the class from the image alone.
        text: Probability of the class from the text alone.
        combined: Probability of the class from both.
        classes: Number of classes, of which each has the same prior probability.

    >>> shapley_bits(0.5, 0.25, 0.5, 4)
    (1.0, 0.0)
    """
    image_bits, text_bits, combined_bits, prior_bits = np.log2(
        np.maximum([image, text, combined, 1 / classes], 1e-12)
    ).tolist()
    return (
        ((combined_bits - text_bits) + (image_bits - prior_bits)) / 2,
        ((combined_bits - image_bits) + (text_bits - prior_bits)) / 2,
    )
