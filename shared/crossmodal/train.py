"""Trains a joint space of words and pictures: `python -m shared.crossmodal.train --data NAME=FOLDER ...`.

1. The recognition network, or `--trunk`, describes every photo once; `--cache` keeps that, and the teacher's
   vectors.
2. With `--word-steps`: the text encoder learns from the teacher alone, also what `--sentences` say. With
   `--text` it begins as that of another joint space instead.
3. Warm-up: contrastive loss of every head, and the teacher's vectors for the text encoder.
4. The loss of each head's paper, on hard negatives. JMC has a training of its own (`train_jmc`).
5. With `--tune-steps`: the network that describes photos learns with the rest, on pictures.
6. With `--settle-steps`: it stays as it is now, and the rest learns on from its descriptions; with
   `--settle-warm` first as in 3, where there is much to learn that is new.

With `--start` a space that has been through all this begins again with 5, and its settings are kept. It may
read further sets, such as photos with names of things (`shared.crossmodal.data.named_things`); `--keep` then holds the
vectors of the first set's pairs where they were. What it learned is averaged with what it was, and with what
other runs from the same start learned (`--beside`), in the share that the validation likes best, or
`--start-share`: as far as they do well for different reasons, their mean does better (Wortsman et al.,
"Robust fine-tuning of zero-shot models", CVPR 2022; "Model soups", ICML 2022).

Each stage has a folder under `--out`; one that made the validation worse is left out again. A run that
is cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.core import weights
from shared.core.image_files import ImageFile
from shared.crossmodal.data.training_data import read_training_data
from shared.crossmodal.embedders.region_features import Backbone, load_backbone
from shared.crossmodal.text.tokenizer import SubwordTokenizer, build_vocabulary
from shared.crossmodal.training.averaging import SHARES, average
from shared.crossmodal.training.backbones import load_pretrained_backbone
from shared.crossmodal.training.batches import Pairs, PairsWithText, Sentences, Source
from shared.crossmodal.training.feature_cache import cached_features
from shared.crossmodal.training.joint_arguments import arguments
from shared.crossmodal.training.objectives import (
    Ranking,
    Student,
    add_text_distillation,
    match,
    retain_embeddings,
    text_distillation_loss,
    warm_up_loss,
)
from shared.crossmodal.training.teacher import teacher_vectors
from shared.crossmodal.training.validation import ValidationSet, ValidationSets
from shared.crossmodal.training.vocabulary import extend_vocabulary
from shared.networks.joint import JointSpace
from shared.networks.regions import RegionBackbone
from shared.training.loop import LoopSettings, adamw, fit, seed_everything


class Training:
    """All stages of one run.

    Args:
        args: From `arguments`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        seed_everything(args.seed)
        self.material = material = read_training_data(args)
        data, more = material.data, material.sentences
        rows, dev_rows = [], [None] * len(material.held_out)
        if args.start:
            self.start = self._start()
        else:
            self.start = None
            self.base, self.digest = self._first_base()
            base = self.base, self.digest
            kinds = (False, True)[: 1 + args.mirrored]
            rows = [material.rows(args.cache, base, mirrored=mirrored) for mirrored in kinds]
            dev_rows = material.held_out_rows(args.cache, base)
            self.settings = {"heads": args.heads, "buckets": args.buckets}
            self.settings["words"] = build_vocabulary([*data.texts, *more], args.words)
            for name in ("width", "hidden", "features", "fusion", "recurrences"):
                self.settings[name] = getattr(args, name)
            if args.text:
                known = weights.read_config(args.text)
                self.settings |= {name: known[name] for name in ("words", "buckets", "hidden", "features")}
            if args.trunk:
                self.settings["trunk"] = args.trunk
        self.tokens = SubwordTokenizer(self.settings["words"], self.settings["buckets"])
        teacher = self.sentences = self.beside = None
        if args.distil:
            names = "-".join(material.names)
            teacher = teacher_vectors(data.texts, args.cache / f"teacher-{names}.npy")
            name = "-".join(["teacher", *(kind for kind in ("sentences", "nouns") if getattr(args, kind))])
            extra = teacher_vectors(more, args.cache / f"{name}.npy") if more else teacher[:0]
            self.sentences = Sentences([*data.texts, *more], self.tokens, np.concatenate([teacher, extra]))
            if args.nouns:
                self.beside = Sentences(more, self.tokens, extra)
        self.pairs = Pairs(data, self.tokens, rows, teacher, chances=material.chances, names=material.named)
        each = zip(material.held_out, dev_rows, strict=True)
        self.validations = ValidationSets([ValidationSet(*one, self.tokens, args.device) for one in each])
        self.validation = self.validations.sets[0]

    def run(self) -> Path:
        """Runs all stages and writes the weight folder."""
        args = self.args
        loss = partial(
            match,
            margin=args.margin,
            hardest=args.hardest,
            contrast=args.contrast,
            distil=args.distil / 2,
            ranking=Ranking(
                tuple(args.bi_rank) if any(args.bi_rank) else None,
                tuple(args.cycle),
                args.entropy,
                args.within,
            ),
        )
        warm = partial(warm_up_loss, distil=args.distil)
        if self.beside is not None:
            loss = partial(add_text_distillation, loss=loss, weight=args.distil / 2)
            warm = partial(add_text_distillation, loss=warm, weight=args.distil)
        if self.start is None:
            pupil = Student(JointSpace(**self.settings))
            if args.text:
                known = weights.load(JointSpace, args.text.name, folder=args.text)
                pupil.space.text.load_state_dict(known.text.state_dict())
                pupil = self.taught(pupil)
            elif args.word_steps:
                pupil = self.words(pupil)
            pupil = self.stage("warm", pupil, warm, args.warm_steps, args.rate)
            pupil = self.stage("match", pupil, loss, args.steps, args.rate / 3)
        else:
            pupil = self.taught(Student(self.start))
        if args.tune_steps:
            pupil = self.tune(pupil, loss)
        elif args.trunk:
            pupil.space.base = self.base  # nobody else has it
        if pupil.space.base is not None:
            pupil = self.settle(pupil, warm, loss)
        if self.start is not None and args.tune_steps:
            self.average(pupil)
        config = {"network": self.digest, "tuned": pupil.space.base is not None, "looks": args.looks}
        base = self.base if pupil.space.base is None else pupil.space.base
        embedded = self.validations.embedded(pupil.space, base, args.looks)
        config |= self.validations.weigh(pupil.space, *embedded)
        config |= self.validations.conclude(pupil.space, *embedded)
        return weights.save(pupil.space, args.out / "weights", config=config)

    def words(self, pupil: Student) -> Student:
        """The text encoder learns what the teacher says of sentences, with and without photos."""
        if self.sentences is None:
            raise SystemExit("--word-steps needs the teacher: give --distil a weight")
        args = self.args
        optimizer = torch.optim.AdamW(pupil.parameters(), 2 * args.rate, weight_decay=1e-4, fused=True)
        draw = partial(_draw, self.sentences, 2 * args.batch, args.seed)
        return fit(pupil, optimizer, draw, text_distillation_loss, self._settings("words", args.word_steps))

    @torch.inference_mode()
    def taught(self, pupil: Student) -> Student:
        """Gives the layer that speaks to the teacher, which weights leave out, its least-squares solution."""
        if self.pairs.teacher is not None:
            places = np.random.default_rng(self.args.seed).permutation(len(self.pairs.data.texts))[:8192]
            x = self.validation.texts(pupil.space, [self.pairs.data.texts[place] for place in places]).cpu()
            x = torch.cat([x, torch.ones(len(x), 1)], 1)
            y = torch.from_numpy(self.pairs.teacher[places].astype(np.float32))
            # Damped a little: a short text encoder leaves some directions nearly empty.
            solution = torch.linalg.solve(x.T @ x + 1e-3 * len(x) * torch.eye(x.shape[1]), x.T @ y)
            pupil.to_teacher.weight.copy_(solution[:-1].T)
            pupil.to_teacher.bias.copy_(solution[-1])
        return pupil

    def stage(
        self,
        name: str,
        pupil: Student,
        loss: Callable[[Student, tuple[Tensor, ...]], Tensor],
        steps: int,
        rate: float,
        pairs: Pairs | None = None,
    ) -> Student:
        """One stage on `pairs`, by default those of the recognition network's descriptions."""
        if not steps:
            return pupil
        optimizer = torch.optim.AdamW(pupil.parameters(), rate, weight_decay=1e-4, fused=True)
        count, more = self._count(self.args.batch), {"each": self.args.each}
        draw = partial(_draw, self._source(pairs or self.pairs), count, self.args.seed, **more)
        return self._fit(name, pupil, optimizer, draw, loss, steps)

    def tune(self, pupil: Student, loss: Callable) -> Student:
        """The last stage: the network that describes pictures learns as well."""
        args = self.args
        if pupil.space.base is None:
            pupil.space.base = copy.deepcopy(self.base)
        pupil.space.base.freeze(args.tune_from)
        optimizer = adamw(pupil, pretrained=pupil.space.base, rate=args.tune_rate)
        source = self._source(replace(self.pairs, rows=()))
        more = {"each": args.each, "size": args.tune_size}
        draw = partial(_draw, source, self._count(args.tune_batch), args.seed, **more)
        return self._fit("tune", pupil, optimizer, draw, loss, args.tune_steps)

    def settle(self, pupil: Student, warm: Callable, loss: Callable) -> Student:
        """The rest learns on from the tuned base's descriptions, in larger batches than pictures allow."""
        args = self.args
        if not args.settle_warm + args.settle_steps:
            return pupil
        base, pupil.space.base = pupil.space.base.eval().requires_grad_(False), None

        def keep(name: str, photos: Sequence[ImageFile], *, mirrored: bool = False) -> np.ndarray:
            return np.array(cached_features(args.out / "settle" / f"{name}.npy", base, photos, mirrored=mirrored))

        held_out = self.validations.sets
        before = [one.rows for one in held_out]
        for number, one in enumerate(held_out):
            one.rows = keep(f"dev-{number}" if number else "dev", one.data.photos)
        rows = [keep("train", self.pairs.data.photos)]
        if args.mirrored:
            rows.append(keep("train-mirrored", self.pairs.data.photos, mirrored=True))
        pairs = replace(self.pairs, rows=rows)
        if args.keep:
            warm, loss = self._keeping(warm), self._keeping(loss)
        pupil = self.stage("settle-warm", pupil, warm, args.settle_warm, args.rate, pairs=pairs)
        pupil = self.stage("settle", pupil, loss, args.settle_steps, args.rate / 3, pairs=pairs)
        if self.start is not None and not args.tune_steps:
            self.average(pupil)  # while pictures are described already
        pupil.space.base = base
        for one, rows in zip(held_out, before, strict=True):
            one.rows = rows
        return pupil

    def _keeping(self, loss: Callable) -> Callable:
        """A loss that holds pairs of the first set where the start had them; see `retain_embeddings`."""
        if self.start is None:
            raise SystemExit("--keep needs a space to keep: give --start")
        old = JointSpace(**self.settings, tuned=True)
        old.load_state_dict(self.before)
        old.base = None
        old.to(self.args.device).eval().requires_grad_(False)
        # Identities are numbered in the order of photos, and those of the first set come first.
        first = self.pairs.data.identities[: len(self.material.sets[0].photos)]
        known = int(first.max()) + 1
        return partial(retain_embeddings, loss=loss, weight=self.args.keep, before=old, familiar=known)

    def average(self, pupil: Student) -> None:
        """Averages the weights with those at the start, and with those of other runs; see above."""
        shares = SHARES if self.args.start_share is None else (self.args.start_share,)
        beside = self.args.beside or ()
        average(
            pupil.space, self.before, lambda: self.validations(pupil)["score"], beside=beside, shares=shares
        )

    def _first_base(self) -> tuple[RegionBackbone, str]:
        """What describes pictures in the beginning, and the checksum that tells it from others."""
        if not self.args.trunk:
            return load_backbone(self.args.base, device=self.args.device)
        base, digest = load_pretrained_backbone(self.args.trunk)
        return base.to(self.args.device), digest

    def _start(self) -> JointSpace:
        """What `--start` names; its settings are taken from there."""
        space = weights.load(JointSpace, self.args.start.name, folder=self.args.start)
        if space.base is None:
            raise SystemExit("--start needs weights with a base of their own, as --tune-steps make them")
        config = weights.read_config(self.args.start)
        names = ("heads", "buckets", "words", "width", "hidden", "features", "fusion", "recurrences", "trunk")
        self.settings = {name: config[name] for name in names if name in config}
        self.digest = config["network"]
        texts = [*self.material.data.texts, *self.material.sentences]
        # As many as may be added, even if all that it knows are among the most frequent ones.
        more = build_vocabulary(texts, self.args.words + len(self.settings["words"]))
        space, self.settings = extend_vocabulary(space, self.settings, more, self.args.words)
        self.before = {name: value.clone() for name, value in space.state_dict().items()}
        return space

    def _source(self, pairs: Pairs) -> Source:
        return pairs if self.beside is None else PairsWithText(pairs, self.beside)

    def _count(self, batch: int) -> int:
        return min(batch, len(self.pairs.data.photos))

    def _settings(self, name: str, steps: int) -> LoopSettings:
        args = self.args
        return LoopSettings(
            steps=steps,
            out=args.out / name,
            device=args.device,
            seed=args.seed,
            bf16=args.device != "cpu",
            warmup=min(100, steps // 5),
            validate_every=args.validate_every,
            checkpoint_every=min(250, args.validate_every),
            workers=args.workers,
            score="score",
        )

    def _fit(self, name, pupil, optimizer, draw, loss, steps) -> Student:
        before = copy.deepcopy(pupil).to(self.args.device).eval()
        trained = fit(pupil, optimizer, draw, loss, self._settings(name, steps), self.validations)
        if self.start is not None:
            return trained  # which may be worse alone, and better in an average with the start
        # With little data, the best of a stage can still be worse than what it started from.
        old, new = (self.validations(one)["score"] for one in (before, trained))
        print(f"{name}: score {old:.4f} before, {new:.4f} after")
        return trained if new >= old else before


def _draw(source: Source, count: int, seed: int, step: int, **more: int) -> tuple[Tensor, ...]:
    return source.draw(count, seed * 1_000_003 + step, **more)


def main(given: Sequence[str] | None = None) -> Path:
    """Run the training from the command line; returns the weight folder."""
    return Training(arguments(__doc__).parse_args(given)).run()


if __name__ == "__main__":
    main()
