"""Stages of the training of JMC; `shared.crossmodal.train_jmc` says what each is for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shared.core import weights
from shared.crossmodal.benchmarks.product_metrics import ProductSet, text_variants
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.region_features import load_backbone
from shared.crossmodal.products.joint_classifier import HEAD, OUTLIER_CLASS
from shared.crossmodal.text.tokenizer import SubwordTokenizer, build_vocabulary
from shared.crossmodal.training.batches import PairSampler
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.training.products.objective import ProductMatching
from shared.crossmodal.training.products.validation import ProductValidation, joint_head
from shared.crossmodal.training.student import Batch, Objective, Student
from shared.networks.crossmodal.joint import JointSpace
from shared.training.loop import LoopSettings, fit, seed_everything, step_seed

#: Words whose subword ids are cached: texts of products have few distinct words.
TOKENIZER_CACHE = 2**16


class ProductTraining:
    """All stages of one run.

    Args:
        args: From `shared.crossmodal.training.products.arguments.product_parser`.

    Attributes:
        pairs: Sampler of products.
        validation: Validation sets.
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
        self.validation = self._read_validation()
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
            for parameter in joint_head(student.space).component_parameters("classification"):
                parameter.requires_grad_()
            student = self.stage("classify", student, classification, second, args.rate, "classification")
            joint = ProductMatching(args.margin, args.hardest, matching=1.0, classification=args.classify)
            student = self.stage("joint", student.requires_grad_(), joint, third, args.rate / 2, "score")
        config = {"network": self.backbone.digest, "tuned": False, "recipe": args.recipe}
        config |= {"class_names": list(self.class_names), "sets": self.class_ranges}
        config |= self.validation.fit_calibration(student.space)
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
        return fit(student, optimizer, self.draw, objective, settings, self.validation)

    def draw(self, step: int) -> Batch:
        """Draw products, then outliers; the step and the seed alone decide which."""
        seed = step_seed(self.args.seed, step)
        products = self.pairs.draw(min(self.args.batch, len(self.pairs.data.images)), seed)
        count = min(self.args.batch // 4, len(self.outlier_pairs.data.images))
        outliers = self.outlier_pairs.draw(count, seed)
        # The whole image and some of its regions, the same of all images.
        order = np.random.default_rng(seed).permutation(self.backbone.network.cells**2)
        rows = [0, *(1 + order[: self.args.regions]).tolist()]
        return products[0][:, rows], *products[1:], outliers[0][:, rows], outliers[1]

    def _read_validation(self) -> ProductValidation:
        products, features = {}, {}
        for name, folder in self.args.data:
            part = READERS[name](folder, "dev")
            products[name] = ProductSet(part, text_variants(part, folder), self.class_ranges[name][0])
            features[name] = self._features(name, part, "dev")
        name, folder = self.args.outliers
        outliers = READERS[name](folder, "dev")
        rows = self._features(name, outliers, "dev")
        return ProductValidation(products, features, outliers, rows, self.tokenizer, self.args.device)

    def _features(self, name: str, data: CaptionedImages, split: str, mirrored: bool = False) -> np.ndarray:
        """Return the region features of a split, in memory."""
        return np.array(
            cached_split_features(
                self.args.cache, f"{name}-{split}", self.backbone, data.images, mirrored=mirrored
            )
        )
