"""What a product is, from its picture, from words on it, or from both, and whether the two belong together.

classifier = JointClassifier.load()
told = classifier("apple.jpg", "a green apple with firm flesh")
print(told.answer.best.label, told.answer.best.probability, told.match)
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np
import torch

from shared.core import engines, weights
from shared.core.calibration import probability
from shared.core.errors import InputError
from shared.core.images import Source, open_image
from shared.crossmodal.embedders.embedder import PICTURE
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import CLASSIFIERS
from shared.crossmodal.products.products import NEITHER
from shared.crossmodal.text.tokenizer import split_words
from shared.networks.jmc import negative_energy

HEAD = "jmc"


@dataclass(frozen=True)
class ClassPrediction:
    """A class that a product may belong to.

    Attributes:
        label: The class's name.
        group: The set that it comes from, such as "grocery".
        probability: How sure the classifier is, 0..1.
    """

    label: str
    group: str
    probability: float


@dataclass(frozen=True)
class ModalityPrediction:
    """What one kind of evidence says.

    Attributes:
        candidates: The likeliest classes, best first.
        fits: The probability that it is any of the classes that the classifier knows, 0..1, as if half of
            all things were; those of all classes add up to it.
    """

    candidates: tuple[ClassPrediction, ...]
    fits: float

    @property
    def best(self) -> ClassPrediction:
        """The likeliest class."""
        return self.candidates[0]

    @property
    def known(self) -> bool:
        """Whether it is more likely one of the classes than none."""
        return self.fits >= 0.5


@dataclass(frozen=True, eq=False)
class ProductPrediction:
    """What JMC says of a picture, of words, or of both.

    Attributes:
        both: From both together; None where one of them is missing.
        picture: From the picture alone; None where there is none.
        words: From the words alone; None where there are none.
        match: The probability that picture and words belong together, 0..1, as if half of all pairs did;
            None where one of them is missing.
        score: The cosine of their vectors, from which that is told.
        picture_part: What the picture adds to the best class of `both`, in bits: how often it doubles the
            class's probability, the mean over what it adds by itself and to the words (Shapley's value).
            Below 0 where the picture speaks against the class. None where one of both is missing.
        words_part: The same for the words. Together they lead from one class among all, equally likely, to
            the probability in `both`.
        engine: The name of the engine.
        seconds: What it took.
    """

    both: ModalityPrediction | None
    picture: ModalityPrediction | None
    words: ModalityPrediction | None
    match: float | None
    score: float | None
    picture_part: float | None
    words_part: float | None
    engine: str
    seconds: float = 0.0

    @property
    def answer(self) -> ModalityPrediction:
        """What all that was given says together."""
        return self.both or self.picture or self.words

    @property
    def together(self) -> bool | None:
        """Whether picture and words more likely belong together than not."""
        return None if self.match is None else self.match >= 0.5


class JointClassifier:
    """Tells products by picture and words. `JointClassifier.load` makes one; many threads may call it.

    Attributes:
        engine: The name of the engine.
        space: What gives vectors to pictures and words.
        labels: Names of the classes.
        groups: The set of each class.

    Args:
        engine: See above.
        space: A joint space with JMC's head. Its configuration has `class_names`, the last of them
            `shared.crossmodal.products.products.NEITHER`; `sets`, the first class of each set and the one after its
            last; for answers from `both`, `picture` and `words` each `temperatures`, what the logits are
            divided by, and `fits`, from their energy to the probability that it is any of the classes (scale
            and offset of `shared.core.calibration.probability`).

    Raises:
        WeightsError: The configuration lacks one of them.
    """

    def __init__(self, engine: str, space: JointSpaceEmbedder) -> None:
        self.engine, self.space = engine, space
        config, self._head = space.config, space.network.heads[HEAD]
        names = tuple(config.get("class_names") or ())
        complete = {"sets", "temperatures", "fits"} <= config.keys() and names[-1:] == (NEITHER,)
        if not complete or len(names) != self._head.classifier[-1].out_features:
            raise weights.WeightsError(
                f"The weights of {engine} do not say what their classes are: train them with "
                "`python -m shared.crossmodal.train_jmc`."
            )
        self.labels = names[:-1]
        self.groups = tuple(
            group
            for group, (first, end) in sorted(config["sets"].items(), key=lambda own: own[1])
            for _ in range(first, end)
        )
        self._temperatures, self._fits = config["temperatures"], config["fits"]
        self._device = next(self._head.parameters()).device

    @classmethod
    def load(
        cls,
        name: str = "jmc",
        *,
        folder: str | os.PathLike | None = None,
        base: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> JointClassifier:
        """Loads an engine.

        Args:
            name: One of `shared.crossmodal.engines.CLASSIFIERS`.
            folder: Weights to use in place of the engine's own.
            base: Weights of the network that describes pictures, in place of the recognition network's own.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Weights cannot be used.
        """
        engine = engines.find(CLASSIFIERS, name)
        space = JointSpaceEmbedder.load(engine, folder=folder, base=base, device=device, allow_hub=allow_hub)
        return cls(name, space)

    def __call__(self, image: Source | None = None, text: str | None = "", *, count: int = 5) -> ProductPrediction:
        """Tells what a picture, words, or both are about.

        Args:
            image: Anything that `shared.core.images.open_image` takes, or None.
            text: Words, of any length and script. None, or a text without words, counts as no words.
            count: How many classes each answer has at most.

        Raises:
            InputError: There is neither a picture nor a word.
            ImageError: The picture cannot be used.
            ValueError: `count` is not a whole number of at least 1.
        """
        started = time.perf_counter()
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"count must be a whole number of at least 1, received {count!r}")
        said = bool(split_words(text or ""))
        if image is None and not said:
            raise InputError("Give a picture, some words, or both.")
        x = None if image is None else self.pictures([open_image(image)])
        y = self.space.texts([text], HEAD) if said else None
        names = [name for name, one in (("picture", x), ("words", y)) if one is not None]
        names += ["both"] if len(names) == 2 else []
        chances = {
            name: self.probabilities(None if name == "words" else x, None if name == "picture" else y)[0]
            for name in names
        }
        match = score = picture_part = words_part = None
        if "both" in chances:
            score = float(x[0] @ y[0])
            match = float(self.space.probability(score, HEAD))
            best = int(chances["both"][:-1].argmax())
            each = (float(chances[name][best]) for name in names)
            picture_part, words_part = _parts(*each, len(self.labels))
        told = {name: self._answer(one, count) for name, one in chances.items()}
        return ProductPrediction(
            both=told.get("both"),
            picture=told.get("picture"),
            words=told.get("words"),
            match=match,
            score=score,
            picture_part=picture_part,
            words_part=words_part,
            engine=self.engine,
            seconds=time.perf_counter() - started,
        )

    def pictures(self, pictures: list) -> np.ndarray:
        """Vectors `[N, D]` of RGB pictures."""
        described = self.space.describe(pictures)
        return self.space.pictures(np.stack([one[PICTURE] for one in described]), HEAD)

    @torch.inference_mode()
    def probabilities(
        self, pictures: np.ndarray | None = None, texts: np.ndarray | None = None
    ) -> np.ndarray:
        """Probabilities of all classes, and last that of none of them.

        Args:
            pictures: Vectors `[N, D]` of pictures, or None.
            texts: Vectors `[N, D]` of the words on each, or None; not None where `pictures` is.

        Returns:
            float32 `[N, classes + 1]`, of sum 1.
        """
        kind = "words" if pictures is None else "picture" if texts is None else "both"
        given = (None if one is None else torch.from_numpy(one).to(self._device) for one in (pictures, texts))
        logits = self._head.classify(*given)[:, :-1]
        among = (logits / self._temperatures[kind]).softmax(1).cpu().numpy()
        fits = probability(negative_energy(logits).cpu().numpy(), *self._fits[kind]).astype(np.float32)[
            :, None
        ]
        return np.concatenate([among * fits, 1 - fits], 1)

    def _answer(self, chances: np.ndarray, count: int) -> ModalityPrediction:
        order = np.argsort(-chances[:-1], kind="stable")[:count]
        found = (ClassPrediction(self.labels[one], self.groups[one], float(chances[one])) for one in order.tolist())
        return ModalityPrediction(tuple(found), float(1 - chances[-1]))


def _parts(picture: float, words: float, both: float, classes: int) -> tuple[float, float]:
    """Shapley's values of two kinds of evidence, in bits, from the probability that each gives to a class.

    Shapley, "A Value for n-Person Games", 1953: the mean over both orders in which the evidence can come in.

    >>> _parts(0.5, 0.25, 0.5, 4)
    (1.0, 0.0)
    """
    one, other, all_of_it, none = np.log2(np.maximum([picture, words, both, 1 / classes], 1e-12)).tolist()
    return ((all_of_it - other) + (one - none)) / 2, ((all_of_it - one) + (other - none)) / 2
