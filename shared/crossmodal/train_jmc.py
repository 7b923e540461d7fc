"""Train JMC on products with texts: `python -m shared.crossmodal.train_jmc --data NAME=FOLDER ...`.

1. Matching: contrastive and bi-rank loss between images and texts.
2. Classification: the classifier alone, on frozen embeddings.
3. Joint training: the matching loss and `--classify` times the classification loss.

`--recipe matching` and `--recipe classification` train for as many steps with one of both losses alone, for
comparison. Images and sentences of `--outliers` belong to no class; the classifier learns to recognise them,
and no embedding learns from them. For speed, and for more variety from few images, a step reads one sentence
of a text, or a few words, and `--regions` of an image's regions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.calibration import fit_probability
from shared.crossmodal.benchmarks.product_metrics import ProductSet, product_metrics, text_variants
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.region_features import load_backbone
from shared.crossmodal.products.joint_classifier import CONFIG_KEYS, HEAD, OUTLIER_CLASS
from shared.crossmodal.text.tokenizer import SubwordTokenizer, build_vocabulary
from shared.crossmodal.training.arguments import dataset_argument, training_parser
from shared.crossmodal.training.batches import PairSampler
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.training.objectives import ProductMatching
from shared.crossmodal.training.student import Batch, Objective, Student
from shared.evaluation.reports import positive_int
from shared.networks.crossmodal.jmc import JMC, negative_energy
from shared.networks.crossmodal.joint import JointSpace
from shared.training.loop import LoopSettings, fit, seed_everything

RECIPES = ("joint", "matching", "classification")
#: Mismatched images of each text that the calibration uses.
MISMATCHES = 20
#: Words whose subword ids are cached: texts of products have few distinct words.
TOKENIZER_CACHE = 2**16
BATCH_SIZE = 128


class ProductTraining:
    """All stages of one run.

    Args:
        args: From `product_parser`.

    Attributes:
        pairs: Sampler of products.
        settings: Arguments of `JointSpace`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        seed_everything(args.seed)
        self.backbone = load_backbone(args.recognition, device=args.device)
        sets = {name: READERS[name](folder, "train") for name, folder in args.data}
        data = join(list(sets.values()))
        if data.classes is None:
            raise SystemExit("JMC needs data sets with classes: grocery, fashion, or both")
        words = build_vocabulary(data.texts, args.words)
        self.tokenizer = SubwordTokenizer(words, args.buckets, cache_size=TOKENIZER_CACHE)
        self.class_names = (*data.class_names, OUTLIER_CLASS)
        ends = np.cumsum([len(part.class_names) for part in sets.values()]).tolist()
        self.class_ranges = {
            name: [start, end] for name, start, end in zip(sets, [0, *ends], ends, strict=False)
        }
        features = [
            np.concatenate([self._features(name, part, "train", mirrored) for name, part in sets.items()])
            for mirrored in ((False, True) if args.mirrored else (False,))
        ]
        # A step draws as much from each data set, however many images it has.
        sizes = np.array([len(part.images) for part in sets.values()])
        sampling = np.repeat(1 / sizes / len(sizes), sizes)
        self.pairs = PairSampler(data, self.tokenizer, features, span_rate=args.spans, sampling=sampling)
        name, folder = args.outliers
        outliers = READERS[name](folder, "train")
        rows = self._features(name, outliers, "train")
        self.outlier_pairs = PairSampler(outliers, self.tokenizer, [rows], span_rate=args.spans)
        self.held_out_outliers = READERS[name](folder, "dev")
        self.held_out_outlier_features = self._features(name, self.held_out_outliers, "dev")
        self.held_out: dict[str, ProductSet] = {}
        self.held_out_features: dict[str, np.ndarray] = {}
        for name, folder in args.data:
            part = READERS[name](folder, "dev")
            self.held_out[name] = ProductSet(part, text_variants(part, folder), self.class_ranges[name][0])
            self.held_out_features[name] = self._features(name, part, "dev")
        self.settings: dict[str, Any] = {
            "heads": [HEAD],
            "words": words,
            "buckets": args.buckets,
            "classes": len(self.class_names),
        }
        self.settings |= {name: getattr(args, name) for name in ("width", "hidden", "features", "embedding")}

    def run(self) -> Path:
        """Run all stages and write the weight folder."""
        args = self.args
        student = Student(JointSpace(**self.settings))
        first, second, third = args.steps
        matching = ProductMatching(args.margin, args.hardest, matching=1.0, classification=0.0)
        classification = ProductMatching(args.margin, args.hardest, matching=0.0, classification=1.0)
        if args.recipe == "matching":
            student = self.stage("match", student, matching, sum(args.steps), args.rate, "matching")
        elif args.recipe == "classification":
            steps = sum(args.steps)
            student = self.stage("classify", student, classification, steps, args.rate, "classification")
        else:
            student = self.stage("match", student, matching, first, args.rate, "matching")
            student.requires_grad_(False)
            for parameter in _head(student.space).component_parameters("classification"):
                parameter.requires_grad_()
            student = self.stage("classify", student, classification, second, args.rate, "classification")
            joint = ProductMatching(args.margin, args.hardest, matching=1.0, classification=args.classify)
            student = self.stage("joint", student.requires_grad_(), joint, third, args.rate / 2, "score")
        config = {"network": self.backbone.digest, "tuned": False, "recipe": args.recipe}
        config |= {"class_names": list(self.class_names), "sets": self.class_ranges}
        config |= self.fit_calibration(student.space)
        return weights.save(student.space, args.out / "weights", config=config)

    def stage(
        self, name: str, student: Student, objective: Objective, steps: int, rate: float, score: str
    ) -> Student:
        """Train the parameters of a student that require gradients.

        Args:
            name: Name of the stage and its folder.
            student: Student to train.
            objective: Objective of the stage.
            steps: Optimizer steps; 0 skips the stage.
            rate: Learning rate.
            score: Validation figure that selects the weights.
        """
        args = self.args
        if not steps:
            return student
        parameters = [parameter for parameter in student.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(parameters, rate, weight_decay=args.decay, fused=True)
        settings = LoopSettings(
            steps=steps,
            out=args.out / name,
            device=args.device,
            seed=args.seed,
            bf16=args.device != "cpu",
            warmup=min(100, steps // 5),
            average=0.99,  # stages are short
            score=score,
            validate_every=args.validate_every,
            checkpoint_every=args.validate_every,
            workers=1,
        )
        return fit(student, optimizer, self.draw, objective, settings, self.validate)

    def draw(self, step: int) -> Batch:
        """Draw products, then outliers; the step and the seed alone decide which."""
        seed = self.args.seed * 1_000_003 + step
        products = self.pairs.draw(min(self.args.batch, len(self.pairs.data.images)), seed)
        count = min(self.args.batch // 4, len(self.outlier_pairs.data.images))
        outliers = self.outlier_pairs.draw(count, seed)
        # The whole image and some of its regions, the same of all images.
        order = np.random.default_rng(seed).permutation(self.backbone.network.cells**2)
        rows = [0, *(1 + order[: self.args.regions]).tolist()]
        return products[0][:, rows], *products[1:], outliers[0][:, rows], outliers[1]

    def validate(self, student: Student) -> dict[str, float]:
        """Return figures on the validation sets; `score` and its parts are means over the sets."""
        space = student.space
        figures: dict[str, float] = {}
        for name, products in self.held_out.items():
            texts = list(dict.fromkeys(products.all_texts))
            vectors = dict(zip(texts, self.embed_texts(space, texts).numpy(force=True), strict=True))
            images = self.embed_images(space, self.held_out_features[name]).numpy(force=True)
            metrics = product_metrics(_head(space), products, images, vectors)
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
        batches = (batch.float().to(self.args.device) for batch in torch.from_numpy(rows).split(BATCH_SIZE))
        return torch.cat([space.embed_images(space.image(batch), HEAD) for batch in batches])

    @torch.inference_mode()
    def embed_texts(self, space: JointSpace, texts: Sequence[str]) -> Tensor:
        """Return the vectors of texts, `[texts, D]`."""
        batches = (texts[start : start + BATCH_SIZE] for start in range(0, len(texts), BATCH_SIZE))
        subword_ids = (torch.from_numpy(self.tokenizer(batch)).to(self.args.device) for batch in batches)
        return torch.cat([space.embed_texts(space.text(ids), HEAD) for ids in subword_ids])

    @torch.inference_mode()
    def fit_calibration(self, space: JointSpace) -> dict[str, Any]:
        """Fit match probability, temperatures and the probability of any class on the validation sets.

        Returns:
            Keys of a configuration, see `shared.crossmodal.products.joint_classifier.JointClassifier`.
        """
        rng = np.random.default_rng(0)
        matched, mismatched, logits, targets = [], [], [], []
        for name, products in self.held_out.items():
            data = products.data
            images = self.embed_images(space, self.held_out_features[name])
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
            self.embed_images(space, self.held_out_outlier_features),
            self.embed_texts(space, self.held_out_outliers.first_texts()),
        )
        temperatures, energy_fits = {}, {}
        for modality, outlier_logits in outliers.items():
            known_logits = torch.cat([part[modality] for part in logits])
            temperatures[CONFIG_KEYS[modality]] = _fit_temperature(known_logits, torch.cat(targets))
            energies = (negative_energy(part).numpy(force=True) for part in (known_logits, outlier_logits))
            energy_fits[CONFIG_KEYS[modality]] = _rounded(fit_probability(*energies))
        curve = fit_probability(np.concatenate(matched), np.concatenate(mismatched))
        return {"calibration": {HEAD: _rounded(curve)}, "temperatures": temperatures, "fits": energy_fits}

    def _features(self, name: str, data: CaptionedImages, split: str, mirrored: bool = False) -> np.ndarray:
        """Return the region features of a split, in memory."""
        return np.array(
            cached_split_features(
                self.args.cache, f"{name}-{split}", self.backbone, data.images, mirrored=mirrored
            )
        )


def _head(space: JointSpace) -> JMC:
    return cast(JMC, space.heads[HEAD])


def _logits(space: JointSpace, images: Tensor, texts: Tensor) -> dict[str, Tensor]:
    """Return the logits of all classes but that of outliers, by modality."""
    inputs = {"image": (images, None), "text": (None, texts), "combined": (images, texts)}
    return {modality: _head(space).classify(*pair)[:, :-1] for modality, pair in inputs.items()}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in values]


def _fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature that maximises the likelihood of the softmax; Guo et al., ICML 2017."""
    temperatures = np.geomspace(0.2, 5, 65).tolist()
    losses = [float(F.cross_entropy(logits / temperature, targets)) for temperature in temperatures]
    return round(temperatures[int(np.argmin(losses))], 4)


def product_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = training_parser(__doc__, "shared.crossmodal.train_jmc", "grocery, fashion, or both")
    parser.set_defaults(batch=64, margin=0.1, words=1200, buckets=2048, width=192, features=256, hidden=64)
    parser.set_defaults(validate_every=250)
    add = parser.add_argument
    add(
        "--outliers",
        type=dataset_argument,
        required=True,
        metavar="NAME=FOLDER",
        help="data set of images without a class: flickr8k",
    )
    add("--recipe", choices=RECIPES, default="joint", help="losses of the training (%(default)s)")
    add(
        "--steps",
        type=int,
        nargs=3,
        default=[1500, 500, 1500],
        metavar="N",
        help="optimizer steps of each stage (%(default)s)",
    )
    add(
        "--regions",
        type=positive_int,
        default=4,
        metavar="N",
        help="regions of an image in a step (%(default)s)",
    )
    add("--rate", type=float, default=2e-3, help="learning rate (%(default)s)")
    add("--decay", type=float, default=1e-2, help="weight decay (%(default)s)")
    add("--classify", type=float, default=1.0, help="weight of the classification loss (%(default)s)")
    add("--spans", type=float, default=0.3, help="share of texts cut to a few words (%(default)s)")
    add("--embedding", type=positive_int, default=64, help="length of a subword's embedding (%(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run the training from the command line and return the weight folder."""
    return ProductTraining(product_parser().parse_args(arguments)).run()


if __name__ == "__main__":
    main()
