"""Stages of the training of a joint space; `shared.crossmodal.train` says what each is for."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from shared.core import weights
from shared.crossmodal.data.training_data import read_training_data
from shared.crossmodal.embedders.region_features import IMAGE_SIZE, RECOGNITION
from shared.crossmodal.training.averaging import START_WEIGHTS, average
from shared.crossmodal.training.batches import PairAndTextSampler, PairSampler
from shared.crossmodal.training.feature_cache import cached_features
from shared.crossmodal.training.inputs import prepare_inputs
from shared.crossmodal.training.joint_arguments import joint_objectives
from shared.crossmodal.training.objectives import Retaining
from shared.crossmodal.training.starting_point import new_space, trained_space
from shared.crossmodal.training.student import Batch, Objective, Student, fit_projection, text_distillation
from shared.networks.crossmodal.joint import JointSpace
from shared.networks.crossmodal.regions import RegionBackbone
from shared.training.loop import LoopSettings, adamw, fit, seed_everything, step_seed

#: Texts that the projection to the teacher's vectors is fitted to.
PROJECTION_TEXTS = 8192


class JointTraining:
    """All stages of one training.

    Args:
        args: From `shared.crossmodal.training.joint_arguments.joint_parser`.

    Attributes:
        args: See above.
        data: Data sets of the training.
        starting_point: State before the first stage: a new space, or that of `--start`.
        pairs: Sampler of images and texts.
        texts: Sampler of all texts with the teacher's vectors; None without the teacher.
        extra_texts: Sampler of texts without images; None without `--nouns`.
        validation: Validation sets.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        seed_everything(args.seed)
        self.data = read_training_data(
            args.data, sentences=args.sentences, nouns=args.nouns, extra_share=args.extra_share
        )
        self.starting_point = (trained_space if args.start else new_space)(args, self.data)
        inputs = prepare_inputs(args, self.data, self.starting_point)
        self.pairs, self.validation = inputs.pairs, inputs.validation
        self.texts, self.extra_texts = inputs.texts, inputs.extra_texts

    def run(self) -> Path:
        """Run all stages and write the weight folder."""
        args = self.args
        warm_up, matching = joint_objectives(args, with_texts=self.extra_texts is not None)
        if self.starting_point.space is None:
            student = self._new_student()
            student = self.stage("warm", student, warm_up, args.warm_steps, args.rate)
            student = self.stage("match", student, matching, args.steps, args.rate / 3)
        else:
            student = self.fit_projection(Student(self.starting_point.space))
        if args.tune_steps:
            student = self.tune(student, matching)
        elif args.backbone and self.starting_point.backbone is not None:
            student.space.base = self.starting_point.backbone.network  # which no other weights have
        if student.space.base is not None:
            student = self.train_on_frozen_backbone(student, warm_up, matching)
        if self.starting_point.space is not None and args.tune_steps:
            self.average(student)
        return self._save(student.space)

    def learn_texts(self, student: Student) -> Student:
        """Train the text encoder alone on the teacher's vectors, of texts with and without images."""
        if self.texts is None:
            raise SystemExit("--text-steps needs the teacher: give --distil a weight")
        args = self.args
        optimizer = torch.optim.AdamW(student.parameters(), 2 * args.rate, weight_decay=1e-4, fused=True)
        make_batch = partial(_batch, self.texts.draw, 2 * args.batch, args.seed)
        return fit(student, optimizer, make_batch, text_distillation, self._settings("text", args.text_steps))

    def fit_projection(self, student: Student) -> Student:
        """Fit a student's projection to the teacher's vectors, if there is a teacher."""
        teacher = self.pairs.teacher
        if teacher is not None:
            texts = self.pairs.data.texts
            indices = np.random.default_rng(self.args.seed).permutation(len(texts))[:PROJECTION_TEXTS]
            features = self.validation.sets[0].embed_texts(student.space, [texts[index] for index in indices])
            fit_projection(student, features, torch.from_numpy(teacher[indices].astype(np.float32)))
        return student

    def stage(self, name: str, student: Student, objective: Objective, steps: int, rate: float) -> Student:
        """Train all but the backbone on the region features of `pairs`.

        Args:
            name: Name of the stage and its folder.
            student: Student to train.
            objective: Objective of the stage.
            steps: Optimizer steps; 0 skips the stage.
            rate: Learning rate.
        """
        if not steps:
            return student
        optimizer = torch.optim.AdamW(student.parameters(), rate, weight_decay=1e-4, fused=True)
        draw = partial(self._sampler(self.pairs).draw, texts_per_image=self.args.texts_per_image)
        return self._fit(name, student, optimizer, self._make_batch(draw, self.args.batch), objective, steps)

    def tune(self, student: Student, objective: Objective) -> Student:
        """Train all weights on images, those of the backbone from block `--tune-from` on."""
        args = self.args
        if student.space.base is None:
            assert self.starting_point.backbone is not None
            student.space.base = copy.deepcopy(self.starting_point.backbone.network)
        student.space.base.freeze(args.tune_from)
        optimizer = adamw(student, pretrained=student.space.base, rate=args.tune_rate)
        sampler = self._sampler(replace(self.pairs, features=()))
        draw = partial(sampler.draw, texts_per_image=args.texts_per_image, size=args.tune_size)
        make_batch = self._make_batch(draw, args.tune_batch)
        return self._fit("tune", student, optimizer, make_batch, objective, args.tune_steps)

    def train_on_frozen_backbone(self, student: Student, warm_up: Objective, matching: Objective) -> Student:
        """Train all but the fine-tuned backbone, in larger batches than images allow."""
        args = self.args
        if not args.frozen_warm_steps + args.frozen_steps:
            return student
        if args.lwf:
            warm_up, matching = self._retaining(warm_up), self._retaining(matching)
        assert student.space.base is not None
        backbone = student.space.base.eval().requires_grad_(False)
        student.space.base = None
        with self._features_of(backbone):
            student = self.stage("frozen-warm", student, warm_up, args.frozen_warm_steps, args.rate)
            student = self.stage("frozen", student, matching, args.frozen_steps, args.rate / 3)
            if self.starting_point.space is not None and not args.tune_steps:
                self.average(student)  # while region features replace the images
        student.space.base = backbone
        return student

    def average(self, student: Student) -> None:
        """Average the weights with those at the start and with those of other runs."""
        args = self.args
        start_weights = START_WEIGHTS if args.start_weight is None else (args.start_weight,)
        average(
            student.space,
            self.starting_point.state,
            lambda: self.validation(student)["score"],
            peers=args.peers or (),
            start_weights=start_weights,
        )

    def _retaining(self, objective: Objective) -> Objective:
        """Return an objective that preserves the vectors of the first data set's pairs, see `Retaining`."""
        if self.starting_point.space is None:
            raise SystemExit("--lwf needs a space to retain: give --start")
        reference = JointSpace(**self.starting_point.settings, tuned=True)
        reference.load_state_dict(self.starting_point.state)
        reference.base = None
        reference.to(self.args.device).eval().requires_grad_(False)
        # Identities are numbered in the order of images, and those of the first data set come first.
        identities = self.pairs.data.identities[: len(self.data.parts[0].images)]
        return Retaining(objective, self.args.lwf, reference, int(identities.max()) + 1)

    def _new_student(self) -> Student:
        """Return a student with a new joint space, after the training of its text encoder alone, if any."""
        args = self.args
        student = Student(JointSpace(**self.starting_point.settings))
        if args.text:
            trained = weights.load(JointSpace, args.text.name, folder=args.text)
            student.space.text.load_state_dict(trained.text.state_dict())
            return self.fit_projection(student)
        return self.learn_texts(student) if args.text_steps else student

    @contextmanager
    def _features_of(self, backbone: RegionBackbone) -> Iterator[None]:
        """Use region features of a fine-tuned backbone for training and validation."""
        folder, pairs = self.args.out / "frozen", self.pairs

        def features(name: str, data: Sequence, *, mirrored: bool = False) -> np.ndarray:
            return np.array(cached_features(folder / f"{name}.npy", backbone, data, mirrored=mirrored))

        previous = [part.features for part in self.validation.sets]
        for number, part in enumerate(self.validation.sets):
            part.features = features(f"dev-{number}" if number else "dev", part.data.images)
        rows = [features("train", pairs.data.images)]
        if self.args.mirrored:
            rows.append(features("train-mirrored", pairs.data.images, mirrored=True))
        self.pairs = replace(pairs, features=rows)
        yield
        self.pairs = pairs
        for part, part_features in zip(self.validation.sets, previous, strict=True):
            part.features = part_features

    def _sampler(self, pairs: PairSampler) -> PairSampler | PairAndTextSampler:
        return pairs if self.extra_texts is None else PairAndTextSampler(pairs, self.extra_texts)

    def _make_batch(self, draw: Callable[..., Batch], size: int) -> Callable[[int], Batch]:
        return partial(_batch, draw, min(size, len(self.pairs.data.images)), self.args.seed)

    def _settings(self, name: str, steps: int, score: str | None = None) -> LoopSettings:
        args = self.args
        return LoopSettings(
            steps=steps,
            out=args.out / name,
            device=args.device,
            seed=args.seed,
            bf16=args.device != "cpu",
            warmup=min(100, steps // 5),
            score=score,
            validate_every=args.validate_every,
            checkpoint_every=min(250, args.validate_every),
            workers=args.workers,
        )

    def _fit(
        self,
        name: str,
        student: Student,
        optimizer: torch.optim.Optimizer,
        make_batch: Callable[[int], Batch],
        objective: Objective,
        steps: int,
    ) -> Student:
        """Train a student and, without `--start`, discard a training that lowers the validation score.

        Args:
            name: Name of the stage and its folder.
            student: Student to train.
            optimizer: Optimizer of its parameters.
            make_batch: Returns the batch of a step.
            objective: Objective of the stage.
            steps: Optimizer steps.

        Returns:
            The trained student with `--start`; without, that with the higher score, before or after.
        """
        before = copy.deepcopy(student).to(self.args.device).eval()
        settings = self._settings(name, steps, "score")
        trained = fit(student, optimizer, make_batch, objective, settings, self.validation)
        if self.starting_point.space is not None:
            return trained  # a lower score alone may be a higher one in the weight average
        # With little data, the best of a stage can still be worse than its start.
        old, new = (self.validation(candidate)["score"] for candidate in (before, trained))
        print(f"{name}: score {old:.4f} before, {new:.4f} after")
        return trained if new >= old else before

    def _save(self, space: JointSpace) -> Path:
        config = {
            "network": self.starting_point.digest,
            "tuned": space.base is not None,
            "looks": self.args.views,
        }
        backbone, keeps_aspect = space.base, False
        if backbone is None:
            assert self.starting_point.backbone is not None
            backbone, _, framing = self.starting_point.backbone
            keeps_aspect = framing.keeps_aspect
            name = Path(self.args.recognition).name if self.args.recognition else RECOGNITION
            # Regions are compared with those of other spaces, so they are cut from the same square.
            config |= {"keeps_aspect": keeps_aspect, "recognition": name, "window_size": IMAGE_SIZE}
        features = self.validation.embed(space, backbone, self.args.views, keeps_aspect=keeps_aspect)
        config |= self.validation.fit_score_weights(space, *features)
        config |= self.validation.fit_calibration(space, *features)
        return weights.save(space, self.args.out / "weights", config=config, quantized=self.args.quantized)


def _batch(draw: Callable[[int, int], Batch], count: int, seed: int, step: int) -> Batch:
    """Draw the batch of a step, which depends on the seed and the step alone."""
    return draw(count, step_seed(seed, step))
