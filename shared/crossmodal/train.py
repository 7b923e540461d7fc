"""Trains a joint space of words and pictures: `python -m shared.crossmodal.train --data NAME=FOLDER ...`.

1. The recognition network describes every photo once; `--cache` keeps that, and the teacher's words.
2. Warm-up: contrastive loss, and the teacher's vectors for the text encoder.
3. The loss of the matcher's paper, on hard negatives. JMC goes on with its classifier alone, then with both.
4. With `--tune-steps`: the recognition network learns with the rest, on pictures.

Each stage has a folder under `--out`; one that made the validation worse is left out again. A run that
is cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shared.core import weights
from shared.core.reports import positive
from shared.core.training import Settings, adamw, fit, seed_everything
from shared.crossmodal.batches import Pairs
from shared.crossmodal.data import READERS, Described, join
from shared.crossmodal.evaluate import figures, shared_figures
from shared.crossmodal.features import cached, describe, load_base
from shared.crossmodal.fusion import adaptive_weights
from shared.crossmodal.objectives import Pupil, match, warm_up
from shared.crossmodal.teacher import teacher_vectors
from shared.crossmodal.tokens import Tokens, learn_words
from shared.networks.cyclematch import SCORES
from shared.networks.jmc import classification_loss
from shared.networks.joint import MATCHERS, JointSpace
from shared.networks.regions import RegionBase


class Training:
    """All stages of one run.

    Args:
        args: From `arguments`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        seed_everything(args.seed)
        read = [(name, READERS[name], folder) for name, folder in args.data]
        sets = [reader(folder, "train") for _, reader, folder in read]
        self.dev = read[0][1](read[0][2], "dev")
        data = sets[0] if len(sets) == 1 else join(sets)
        self.base, self.digest = load_base(args.base, device=args.device)
        cache = partial(self._cached, [name for name, *_ in read])
        rows = [cache(sets, "train", mirrored) for mirrored in ((False, True) if args.mirrored else (False,))]
        self.dev_rows = cache([self.dev], "dev", False)
        words = learn_words(data.texts, args.words)
        self.tokens = Tokens(words, args.buckets)
        teacher = None
        if args.distil:
            names = "-".join(name for name, *_ in read)
            teacher = teacher_vectors(data.texts, args.cache / f"teacher-{names}.npy")
        self.pairs = Pairs(data, self.tokens, rows, teacher)
        classes = len(data.class_names) if args.matcher == "jmc" else 0
        given = {"width": args.width, "hidden": args.hidden, "features": args.features}
        self.settings = {"words": words, "buckets": args.buckets, "classes": classes, **given}
        self.settings["fusion"] = args.fusion
        if args.matcher == "jmc" and not classes:
            raise SystemExit("JMC needs one data set with classes: grocery or fashion")

    def run(self) -> Path:
        """Runs all stages and writes the weight folder."""
        args = self.args
        pupil = Pupil(JointSpace(args.matcher, **self.settings))
        pupil = self.stage("warm", pupil, partial(warm_up, distil=args.distil), args.warm_steps, args.rate)
        loss = partial(
            match, margin=args.margin, hardest=args.hardest, contrast=args.contrast, distil=args.distil / 2
        )
        pupil = self.stage("match", pupil, loss, args.steps, args.rate / 3)
        if args.matcher == "jmc":
            pupil = self.classification(pupil, loss)
        if args.tune_steps:
            pupil = self.tune(pupil, loss)
        config = {"network": self.digest, "tuned": bool(args.tune_steps)}
        if args.matcher == "cyclematch":
            config["scores"] = self.weigh(pupil.space)
        return weights.save(pupil.space, args.out / "weights", config=config)

    def stage(
        self,
        name: str,
        pupil: Pupil,
        loss: Callable[[Pupil, tuple[Tensor, ...]], Tensor],
        steps: int,
        rate: float,
        score: str = "score",
    ) -> Pupil:
        """One stage; `pupil` learns as far as its parameters ask for gradients."""
        if not steps:
            return pupil
        learning = [parameter for parameter in pupil.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learning, rate, weight_decay=1e-4, fused=True)
        return self._fit(name, pupil, optimizer, self.pairs, loss, steps, score, self.args.batch)

    def classification(self, pupil: Pupil, loss: Callable) -> Pupil:
        """JMC's second and third stage: the classifier alone, then everything."""
        args = self.args
        pupil.requires_grad_(False)
        for parameter in pupil.space.matcher.component("classification"):
            parameter.requires_grad_()

        def alone(pupil: Pupil, batch: tuple[Tensor, ...]) -> Tensor:
            seen, pieces, _, classes, _ = batch
            matcher = pupil.space.matcher
            x, y = matcher.images(pupil.read(seen)), matcher.texts(pupil.space.text(pieces))
            return classification_loss(matcher, x, y, classes)

        pupil = self.stage("classify", pupil, alone, args.class_steps, args.rate, "top1_both")
        both = partial(loss, classify=args.classify)
        return self.stage("joint", pupil.requires_grad_(), both, args.class_steps, args.rate / 3)

    def tune(self, pupil: Pupil, loss: Callable) -> Pupil:
        """The last stage: the network that describes pictures learns as well."""
        args = self.args
        pupil.space.base = RegionBase()
        pupil.space.base.load_state_dict(self.base.state_dict())
        optimizer = adamw(pupil, slow=pupil.space.base, rate=args.tune_rate)
        pairs = Pairs(self.pairs.data, self.tokens, (), self.pairs.teacher)
        return self._fit("tune", pupil, optimizer, pairs, loss, args.tune_steps, "score", args.tune_batch)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on the validation set; `score` is what counts."""
        space, data = network.space, self.dev
        if data.classes is None:
            found = figures(self.similarity(space, data.texts), data.owners)
            return found | {"score": found["R_sum"]}
        texts, relevant = data.distinct()
        found = shared_figures(self.similarity(space, texts), relevant)
        score = found["i2t_R@1"] + found["t2i_mAP"]
        if space.kind == "jmc":
            found["top1_both"] = self.accuracy(space)
            score += found["top1_both"]
        return found | {"score": score}

    def similarity(self, space: JointSpace, texts: Sequence[str]) -> np.ndarray:
        """Cosines `[pictures, texts]` of the validation set."""
        return self.embed(space.pictures, self.seen(space)) @ self.embed(space.sentences, texts).T

    def seen(self, space: JointSpace) -> np.ndarray:
        """Descriptions of the validation set, by the network as it is now."""
        if space.base is None:
            return self.dev_rows
        return np.concatenate([describe(space.base, [photo.image()]) for photo in self.dev.photos])

    def accuracy(self, space: JointSpace) -> float:
        """Share of the validation pictures whose class is told from the picture and its first text."""
        data = self.dev
        first = [data.texts[place] for place in np.searchsorted(data.owners, np.arange(len(data.photos)))]
        x, y = self.embed(space.pictures, self.seen(space)), self.embed(space.sentences, first)
        x, y = (torch.from_numpy(part).to(self.args.device) for part in (x, y))
        with torch.inference_mode():
            told = space.matcher.classify(x, y).argmax(1).cpu().numpy()
        return float((told == data.classes).mean())

    def weigh(self, space: JointSpace) -> list[float]:
        """CycleMatch's weights of late fusion, chosen on the validation set."""
        rows, texts = (
            self.embed(embed, given).reshape(len(given), len(SCORES), -1)
            for embed, given in ((space.pictures, self.seen(space)), (space.sentences, self.dev.texts))
        )
        return adaptive_weights(np.einsum("ikd,jkd->kij", rows, texts), self.dev.owners)

    @torch.inference_mode()
    def embed(self, embed: Callable[[Tensor], Tensor], given: Sequence) -> np.ndarray:
        """Vectors of texts, or of descriptions."""
        found = []
        for start in range(0, len(given), 128):
            part = given[start : start + 128]
            part = part.astype(np.float32) if isinstance(part, np.ndarray) else self.tokens(part)
            found.append(embed(torch.from_numpy(part).to(self.args.device)).float().cpu().numpy())
        return np.concatenate(found)

    def _fit(self, name, pupil, optimizer, pairs: Pairs, loss, steps, score, batch) -> Pupil:
        args = self.args
        settings = Settings(
            steps=steps,
            out=args.out / name,
            device=args.device,
            seed=args.seed,
            bf16=args.device != "cpu",
            warmup=min(100, steps // 5),
            validate_every=args.validate_every,
            workers=args.workers,
        )
        count = min(batch, len(pairs.data.photos))
        draw = partial(_draw, pairs, count, args.seed)
        before = copy.deepcopy(pupil).to(args.device).eval()
        trained = fit(pupil, optimizer, draw, loss, settings, self.validate, score)
        # With little data, the best of a stage can still be worse than what it started from.
        old, new = (self.validate(one)[score] for one in (before, trained))
        print(f"{name}: {score} {old:.4f} before, {new:.4f} after")
        return trained if new >= old else before

    def _cached(
        self, names: Sequence[str], sets: Sequence[Described], split: str, mirrored: bool
    ) -> np.ndarray:
        """Descriptions of all photos of some sets, in the order of `join`; in memory, to draw at random."""
        end = "-mirrored" if mirrored else ""
        files = [self.args.cache / f"{name}-{split}-{self.digest[:12]}{end}.npy" for name in names]
        found = [
            np.array(cached(file, self.base, one.photos, mirrored=mirrored))
            for file, one in zip(files, sets, strict=False)
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)


def _draw(pairs: Pairs, count: int, seed: int, step: int) -> tuple[Tensor, ...]:
    return pairs.draw(count, seed * 1_000_003 + step)


def named(text: str) -> tuple[str, Path]:
    """Reads `NAME=FOLDER`, for `argparse`.

    >>> named("flickr8k=data")
    ('flickr8k', PosixPath('data'))
    """
    name, equals, folder = text.partition("=")
    if not equals or name not in READERS:
        raise argparse.ArgumentTypeError(f"expected {'|'.join(READERS)}=FOLDER, received {text!r}")
    return name, Path(folder)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.crossmodal.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", type=named, required=True, metavar="NAME=FOLDER", help="the first one validates")
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the run")
    add("--cache", type=Path, required=True, metavar="FOLDER", help="of the descriptions")
    add("--matcher", choices=list(MATCHERS), default="cyclematch", help="(%(default)s)")
    add("--base", metavar="FOLDER", help="weights of the recognition network")
    add("--mirrored", action="store_true", help="describe every training photo mirrored as well")
    add("--distil", type=float, default=0.0, metavar="WEIGHT", help="learn from the teacher of sentences")
    add("--warm-steps", type=int, default=3000, metavar="N", help="(%(default)s)")
    add("--steps", type=int, default=3000, metavar="N", help="with the paper's loss (%(default)s)")
    add("--class-steps", type=int, default=1000, metavar="N", help="JMC's stages (%(default)s)")
    add("--tune-steps", type=int, default=0, metavar="N", help="with the base (%(default)s)")
    add("--batch", type=positive, default=128, help="(%(default)s)")
    add("--tune-batch", type=positive, default=32, help="(%(default)s)")
    add("--rate", type=float, default=1e-3, help="learning rate of the warm-up (%(default)s)")
    add("--tune-rate", type=float, default=1e-4, help="(%(default)s)")
    add("--margin", type=float, default=0.2, help="of the ranking (%(default)s)")
    add("--hardest", type=positive, default=10, metavar="N", help="negatives that count (%(default)s)")
    add("--contrast", type=float, default=1.0, help="contrastive loss beside the paper's (%(default)s)")
    add("--classify", type=float, default=1.0, help="classification loss of JMC (%(default)s)")
    add("--fusion", choices=("conv", "lc"), default="conv", help="of RRF-Net's steps (%(default)s)")
    add("--words", type=positive, default=5000, help="of the vocabulary at most (%(default)s)")
    add("--buckets", type=positive, default=16384, help="for letter groups (%(default)s)")
    add("--width", type=positive, default=512, help="of the joint space (%(default)s)")
    add("--features", type=positive, default=512, help="of both encoders (%(default)s)")
    add("--hidden", type=positive, default=192, help="of the text encoder (%(default)s)")
    add("--validate-every", type=positive, default=500, metavar="N", help="steps (%(default)s)")
    add("--workers", type=positive, default=1, help="threads that make batches (%(default)s)")
    add("--device", default="cpu", help="(%(default)s)")
    add("--seed", type=int, default=0)
    return parser


def main(given: Sequence[str] | None = None) -> Path:
    """Run the training from the command line; returns the weight folder."""
    return Training(arguments().parse_args(given)).run()


if __name__ == "__main__":
    main()
