"""Photos and sketches of faces, CUHK students: `python -m shared.translation.benchmark faces`.

* `sketch_SSIM`: structural similarity of the sketch made of a photo and the artist's (Wang et al., TIP 2004:
  grey levels, Gaussian window of sigma 1.5). `photo_SSIM`: of the photo made of a sketch and the real one.
* `rank1`: fraction of the artist's sketches whose nearest one among the sketches made of all photos is that
  of the same person. The features are histograms of oriented gradients; the images are aligned by the eyes.
  `photo_rank1`: photos made of the artist's sketches, among the real photos. The row `no translation`
  compares sketches with photos as they are.
* `photo_cosine_distance`: see `features`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import hog
from skimage.metrics import structural_similarity
from tqdm import tqdm

from shared.evaluation import reports
from shared.evaluation.features import FeatureNetwork, cosine_distance
from shared.translation.data.pairs import Pair, read_pairs
from shared.translation.tasks import TASKS
from shared.translation.translator import Translator

MODULE = "shared.translation.benchmark faces"
DATA = "CUHK students"
CELL = 16  # of the gradient histograms in pixels

# SSIM of photos made of sketches, as quoted in later papers, which use other crops and sizes.
PUBLISHED = {
    "pix2pix": {"photo_SSIM": 0.606},
    "DualGAN": {"photo_SSIM": 0.636},
    "CycleGAN": {"photo_SSIM": 0.654},
    "CSGAN": {"photo_SSIM": 0.662},
}


def similarity(first: Image.Image, second: Image.Image) -> float:
    """Return the SSIM of two images of the same size, -1..1."""
    levels = [np.asarray(image.convert("L")) for image in (first, second)]
    return float(
        structural_similarity(
            *levels, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
    )


def gradient_features(image: Image.Image) -> np.ndarray:
    """Return the histograms of oriented gradients of an image, of length 1."""
    features: np.ndarray = hog(
        np.asarray(image.convert("L")), orientations=9, pixels_per_cell=(CELL, CELL), cells_per_block=(2, 2)
    )
    return features / max(float(np.linalg.norm(features)), 1e-12)


def rank1(queries: np.ndarray, references: np.ndarray) -> float:
    """Return the fraction of queries whose most similar reference is the one of the same index.

    Args:
        queries: `[N, D]`, rows of length 1.
        references: `[N, D]`, likewise.

    >>> rank1(np.eye(3), np.eye(3)[[0, 2, 1]])
    0.3333333333333333
    """
    return float(((queries @ references.T).argmax(1) == np.arange(len(queries))).mean())


def score(
    pairs: Sequence[Pair], sketches: Sequence[Image.Image], photos: Sequence[Image.Image]
) -> dict[str, float]:
    """Score translations of the pairs.

    Args:
        pairs: Real photos (first) and sketches (second).
        sketches: Sketches made of the photos.
        photos: Photos made of the sketches.
    """
    real_sketches = np.stack([gradient_features(pair.second) for pair in pairs])
    real_photos = np.stack([gradient_features(pair.first) for pair in pairs])
    made_sketches = np.stack([gradient_features(image) for image in sketches])
    made_photos = np.stack([gradient_features(image) for image in photos])
    return {
        "sketch_SSIM": float(
            np.mean([similarity(s, p.second) for s, p in zip(sketches, pairs, strict=True)])
        ),
        "rank1": rank1(real_sketches, made_sketches),
        "photo_SSIM": float(np.mean([similarity(s, p.first) for s, p in zip(photos, pairs, strict=True)])),
        "photo_rank1": rank1(made_photos, real_photos),
    }


class TranslatorScores:
    """Scores of translators between photos and sketches.

    Args:
        pairs: Pairs to score on.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self._network = FeatureNetwork()
        self._real_features = self._network([pair.first for pair in pairs])

    def __call__(self, translator: Translator) -> dict[str, float]:
        """Return the scores of both directions."""
        sketches, photos = [], []
        for pair in tqdm(self.pairs, unit="pair"):
            sketches.append(translator(pair.first, "forward").image)
            photos.append(translator(pair.second, "backward").image)
        distance = cosine_distance(self._network(photos), self._real_features)
        return {**score(self.pairs, sketches, photos), "photo_cosine_distance": distance}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Score translators between photos and sketches of faces.", MODULE)
    parser.add_argument("--engine", nargs="+", required=True, metavar="NAME", help="such as faces-pix2pix")
    parser.add_argument("--split", default="test", help="train, val or test (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        if options.weights and len(options.engine) != 1:
            raise ValueError("--weights needs exactly one --engine")
        sources = read_pairs(TASKS["faces"], options.data, options.split)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    pairs = [source() for source in sources[: options.limit]]
    scores = TranslatorScores(pairs)
    metrics = {name: scores(Translator.load(name, folder=options.weights)) for name in options.engine}
    metrics["no translation"] = score(pairs, [pair.first for pair in pairs], [pair.second for pair in pairs])
    return reports.finish(
        reports.Report(
            benchmark="photos and sketches",
            data=DATA,
            split=options.split,
            items=len(pairs),
            weights=Path(options.weights).name if options.weights else ", ".join(options.engine),
            metrics=metrics,
            published=PUBLISHED,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(sources),
        ),
        options.json,
    )
