"""Trains JMC on products with words: `python -m shared.crossmodal.train_jmc --data NAME=FOLDER ...`.

1. Matching: contrastive and bi-rank loss, pictures against words.
2. The classifier alone, on embeddings that stay as they are.
3. Both together: the matching loss and `--classify` times the classification loss.

`--recipe matching` and `--recipe classification` train for as many steps with one of both losses alone, for
comparison. Photos and sentences of `--others` belong to no class; the classifier learns to say so, and no
embedding learns from them. To learn fast, and more from few photos, a step reads one sentence of a text, or a
few words, and `--regions` of a photo's regions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.core import weights
from shared.core.calibration import fit_probability
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.embedders.region_features import Backbone, load_backbone
from shared.crossmodal.training.feature_cache import cached_split_features
from shared.crossmodal.products.products import NEITHER, product_metrics, text_variants
from shared.crossmodal.text.tokenizer import SubwordTokenizer, build_vocabulary
from shared.crossmodal.training.arguments import dataset_argument, training_parser
from shared.crossmodal.training.batches import Pairs
from shared.crossmodal.training.objectives import Student, product_loss
from shared.evaluation.reports import positive_int
from shared.networks.jmc import negative_energy
from shared.networks.joint import JointSpace
from shared.training.loop import LoopSettings, fit, seed_everything

RECIPES = ("joint", "matching", "classification")
#: Pictures that belong together with others' words, for each text that calibration looks at.
WRONG = 20


class ProductTraining:
    """All stages of one run.

    Args:
        args: From `arguments`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        seed_everything(args.seed)
        self.base, self.digest = load_backbone(args.base, device=args.device)
        self.sets = {name: READERS[name](folder, "train") for name, folder in args.data}
        data = join(list(self.sets.values()))
        if data.classes is None:
            raise SystemExit("JMC needs data sets with classes: grocery, fashion, or both")
        words = build_vocabulary(data.texts, args.words)
        self.tokens = SubwordTokenizer(words, args.buckets)
        self.tokens.subword_ids = lru_cache(2**16)(self.tokens.subword_ids)  # products have few words, which come often
        self.names = (*data.class_names, NEITHER)
        self.ends = np.cumsum([len(one.class_names) for one in self.sets.values()]).tolist()
        kinds = (False, True) if args.mirrored else (False,)
        rows = [
            np.concatenate([self.rows(n, one, "train", kind) for n, one in self.sets.items()])
            for kind in kinds
        ]
        # A step sees as much of each set, however many photos it has.
        sizes = np.array([len(one.photos) for one in self.sets.values()])
        chances = np.repeat(1 / sizes / len(sizes), sizes)
        self.pairs = Pairs(data, self.tokens, rows, spans=args.spans, chances=chances)
        name, folder = args.others
        self.others = {part: READERS[name](folder, part) for part in ("train", "dev")}
        self.other_rows = {part: self.rows(name, one, part, False) for part, one in self.others.items()}
        self.other_pairs = Pairs(
            self.others["train"], self.tokens, [self.other_rows["train"]], spans=args.spans
        )
        self.dev = {name: READERS[name](folder, "dev") for name, folder in args.data}
        self.dev_rows = {name: self.rows(name, one, "dev", False) for name, one in self.dev.items()}
        self.kinds = {name: text_variants(self.dev[name], folder) for name, folder in args.data}
        self.settings = {
            "heads": ["jmc"],
            "words": words,
            "buckets": args.buckets,
            "classes": len(self.names),
        }
        for name in ("width", "hidden", "features", "embedding"):
            self.settings[name] = getattr(args, name)

    def rows(self, name: str, data: CaptionedImages, part: str, mirrored: bool) -> np.ndarray:
        folder, base = self.args.cache, (self.base, self.digest)
        return np.array(cached_split_features(folder, f"{name}-{part}", base, data.photos, mirrored=mirrored))

    def run(self) -> Path:
        """Runs all stages and writes the weight folder."""
        args = self.args
        pupil = Student(JointSpace(**self.settings))
        first, second, third = args.steps
        loss = partial(product_loss, margin=args.margin, hardest=args.hardest)
        rank = partial(loss, matching=1.0, classification=0.0)
        tell = partial(loss, matching=0.0, classification=1.0)
        if args.recipe == "matching":
            pupil = self.stage("match", pupil, rank, sum(args.steps), args.rate, "matching")
        elif args.recipe == "classification":
            pupil = self.stage("classify", pupil, tell, sum(args.steps), args.rate, "classification")
        else:
            pupil = self.stage("match", pupil, rank, first, args.rate, "matching")
            pupil.requires_grad_(False)
            for parameter in pupil.space.heads["jmc"].component_parameters("classification"):
                parameter.requires_grad_()
            pupil = self.stage("classify", pupil, tell, second, args.rate, "classification")
            both = partial(loss, matching=1.0, classification=args.classify)
            pupil = self.stage("joint", pupil.requires_grad_(), both, third, args.rate / 2, "score")
        config = {"network": self.digest, "tuned": False, "recipe": args.recipe}
        config |= {"class_names": list(self.names), "sets": self.parts()}
        return weights.save(pupil.space, args.out / "weights", config=config | self.conclude(pupil.space))

    def parts(self) -> dict[str, list[int]]:
        """The first class of each set, and the one after its last."""
        ends = [0, *self.ends]
        return {name: ends[place : place + 2] for place, name in enumerate(self.sets)}

    def stage(self, name: str, pupil: Student, loss: Callable, steps: int, rate: float, score: str) -> Student:
        """One stage; `pupil` learns as far as its parameters ask for gradients."""
        args = self.args
        if not steps:
            return pupil
        learning = [parameter for parameter in pupil.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learning, rate, weight_decay=args.decay, fused=True)
        settings = LoopSettings(
            steps=steps,
            out=args.out / name,
            device=args.device,
            seed=args.seed,
            bf16=args.device != "cpu",
            warmup=min(100, steps // 5),
            validate_every=args.validate_every,
            checkpoint_every=args.validate_every,
            workers=1,
            average=0.99,  # stages are short
            score=score,
        )
        return fit(pupil, optimizer, self.draw, loss, settings, self.validate)

    def draw(self, step: int) -> tuple[Tensor, ...]:
        """Products, then others; the step and the seed alone decide which."""
        seed = self.args.seed * 1_000_003 + step
        products = self.pairs.draw(min(self.args.batch, len(self.pairs.data.photos)), seed)
        count = min(self.args.batch // 4, len(self.other_pairs.data.photos))
        others = self.other_pairs.draw(count, seed)
        # The whole picture and some of its regions, the same of all pictures.
        order = np.random.default_rng(seed).permutation(self.base.cells**2)
        read = [0, *(1 + order[: self.args.regions]).tolist()]
        return products[0][:, read], *products[1:], others[0][:, read], others[1]

    def validate(self, pupil: nn.Module) -> dict[str, float]:
        """Figures on the validation sets; `score` and its parts, means over the sets, are what counts."""
        space, found = pupil.space, {}
        for (name, data), (first, _) in zip(self.dev.items(), self.parts().values(), strict=True):
            kinds = self.kinds[name]
            texts = list(dict.fromkeys([*data.texts, *(text for words in kinds.values() for text in words)]))
            with torch.inference_mode():
                vectors = dict(zip(texts, self.texts(space, texts).numpy(force=True), strict=True))
                images = self.pictures(space, self.dev_rows[name]).numpy(force=True)
                own = product_metrics(space.heads["jmc"], images, data, vectors, kinds=kinds, first=first)
            found |= {
                f"{name}, {row}, {key}": value for row, line in own.items() for key, value in line.items()
            }

        def mean(key: str) -> float:
            return float(np.mean([value for name, value in found.items() if name.endswith(key)]))

        matching, classification = mean("i2t_R@1") + mean("t2i_mAP"), mean("top1_image") + mean("top1_both")
        return found | {
            "matching": matching,
            "classification": classification,
            "score": matching + classification,
        }

    @torch.inference_mode()
    def pictures(self, space: JointSpace, rows: np.ndarray) -> Tensor:
        """Pictures in the joint space."""
        parts = (part.float().to(self.args.device) for part in torch.from_numpy(rows).split(128))
        return torch.cat([space.embed_images(space.image(part), "jmc") for part in parts])

    @torch.inference_mode()
    def texts(self, space: JointSpace, texts: Sequence[str]) -> Tensor:
        """Texts in the joint space."""
        parts = (self.tokens(texts[start : start + 128]) for start in range(0, len(texts), 128))
        given = (torch.from_numpy(part).to(self.args.device) for part in parts)
        return torch.cat([space.embed_texts(space.text(part), "jmc") for part in given])

    @torch.inference_mode()
    def conclude(self, space: JointSpace) -> dict[str, object]:
        """What scores mean, learned on the validation sets: see `shared.crossmodal.products.joint_classifier`."""
        rng = np.random.default_rng(0)
        right, wrong, logits, truths = [], [], [], []
        for (name, data), (first, _) in zip(self.dev.items(), self.parts().values(), strict=True):
            images, texts = self.pictures(space, self.dev_rows[name]), self.texts(space, data.texts)
            similarity = (images @ texts.T).numpy(force=True)
            other = rng.integers(len(data.photos), size=(WRONG, len(data.texts)))
            apart = data.identities[other] != data.identities[data.owners]
            right.append(similarity[data.owners, np.arange(len(data.texts))])
            wrong.append(similarity[other, np.arange(len(data.texts))][apart])
            logits.append(self.logits(space, images, self.texts(space, data.firsts())))
            truths.append(torch.from_numpy(data.classes + first).to(images.device))
        others = self.pictures(space, self.other_rows["dev"]), self.texts(space, self.others["dev"].firsts())
        config: dict[str, dict] = {"temperatures": {}, "fits": {}}
        for name, far in self.logits(space, *others).items():
            near = torch.cat([one[name] for one in logits])
            config["temperatures"][name] = _temperature(near, torch.cat(truths))
            fits = fit_probability(*(negative_energy(one).numpy(force=True) for one in (near, far)))
            config["fits"][name] = _rounded(fits)
        curve = fit_probability(np.concatenate(right), np.concatenate(wrong))
        return {"calibration": {"jmc": _rounded(curve)}, **config}

    def logits(self, space: JointSpace, images: Tensor, texts: Tensor) -> dict[str, Tensor]:
        """Logits of all classes but the last, from each kind of evidence."""
        head = space.heads["jmc"]
        given = {"picture": (images, None), "words": (None, texts), "both": (images, texts)}
        return {name: head.classify(*pair)[:, :-1] for name, pair in given.items()}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in values]


def _temperature(logits: Tensor, truth: Tensor) -> float:
    """What logits are divided by so that their softmax is as likely as can be; Guo et al., ICML 2017."""
    tried = np.geomspace(0.2, 5, 65).tolist()
    return round(min(tried, key=lambda one: float(F.cross_entropy(logits / one, truth))), 4)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = training_parser(__doc__, "shared.crossmodal.train_jmc", "grocery, fashion, or both")
    parser.set_defaults(batch=64, margin=0.1, words=1200, buckets=2048, width=192, features=256, hidden=64)
    parser.set_defaults(validate_every=250)
    add = parser.add_argument
    add(
        "--others",
        type=dataset_argument,
        required=True,
        metavar="NAME=FOLDER",
        help="what belongs to no class: flickr8k",
    )
    add("--recipe", choices=RECIPES, default="joint", help="(%(default)s)")
    add(
        "--steps",
        type=int,
        nargs=3,
        default=[1500, 500, 1500],
        metavar="N",
        help="of the stages (%(default)s)",
    )
    add("--regions", type=positive_int, default=4, metavar="N", help="read in a step (%(default)s)")
    add("--rate", type=float, default=2e-3, help="learning rate (%(default)s)")
    add("--decay", type=float, default=1e-2, help="weight decay (%(default)s)")
    add("--classify", type=float, default=1.0, help="classification loss beside matching (%(default)s)")
    add("--spans", type=float, default=0.3, help="texts cut to a few words in a row (%(default)s)")
    add("--embedding", type=positive_int, default=64, help="of a word piece (%(default)s)")
    return parser


def main(given: Sequence[str] | None = None) -> Path:
    """Run the training from the command line; returns the weight folder."""
    return ProductTraining(arguments().parse_args(given)).run()


if __name__ == "__main__":
    main()
