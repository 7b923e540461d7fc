"""Starting point of the training of a joint space: a new space, or one that is already trained."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from shared.core import weights
from shared.crossmodal.data.training_data import TrainingData
from shared.crossmodal.embedders.region_features import Backbone, load_backbone
from shared.crossmodal.text.tokenizer import FIRST_WORD_ID, SubwordTokenizer, build_vocabulary
from shared.networks.crossmodal.joint import JointSpace
from shared.networks.crossmodal.regions import RegionBackbone
from shared.training.pretrained import load_imagenet_weights

#: Scale of each public ImageNet backbone, all of which are EfficientNet-Lite.
PRETRAINED_BACKBONES = {"efficientnet_lite0": 0}

#: Arguments of `JointSpace` that a trained space passes on.
_INHERITED = ("heads", "buckets", "words", "width", "hidden", "features", "fusion", "recurrences", "trunk")
#: Embedding table of the text encoder in a state dictionary.
_TABLE = "text.pieces.weight"


@dataclass(frozen=True)
class StartingPoint:
    """State before the first stage.

    Attributes:
        settings: Arguments of `JointSpace`.
        digest: SHA-256 of the weights of the first backbone, which the configuration stores.
        backbone: Frozen backbone of a new space; None for a trained space, which has its own.
        space: The trained space; None for a new one.
        state: Weights of the trained space.
    """

    settings: dict[str, Any]
    digest: str
    backbone: Backbone | None = None
    space: JointSpace | None = None
    state: dict[str, Tensor] = field(default_factory=dict)


def new_space(args: argparse.Namespace, data: TrainingData) -> StartingPoint:
    """Return the starting point of a new space.

    Args:
        args: From `shared.crossmodal.training.joint_arguments.joint_parser`.
        data: Data whose texts give the vocabulary.
    """
    if args.backbone:
        pretrained = load_pretrained_backbone(args.backbone)
        backbone = Backbone(pretrained.network.to(args.device), pretrained.digest)
    else:
        backbone = load_backbone(args.recognition, device=args.device)
    settings: dict[str, Any] = {"heads": args.heads, "buckets": args.buckets}
    settings["words"] = build_vocabulary([*data.data.texts, *data.sentences], args.words)
    for name in ("width", "hidden", "features", "fusion", "recurrences"):
        settings[name] = getattr(args, name)
    if args.text:
        config = weights.read_config(args.text)
        settings |= {name: config[name] for name in ("words", "buckets", "hidden", "features")}
    settings["channels"] = backbone.network.channels
    if args.backbone:
        settings["trunk"] = args.backbone
    return StartingPoint(settings, backbone.digest, backbone)


def trained_space(args: argparse.Namespace, data: TrainingData) -> StartingPoint:
    """Return the space that `--start` names as a starting point, its vocabulary extended up to `--words`.

    Args:
        args: From `shared.crossmodal.training.joint_arguments.joint_parser`.
        data: Data whose texts give further words.

    Raises:
        SystemExit: The space has no fine-tuned backbone.
    """
    space = weights.load(JointSpace, args.start.name, folder=args.start)
    if space.base is None:
        raise SystemExit("--start needs weights with a backbone of their own, as --tune-steps writes them")
    config = weights.read_config(args.start)
    settings = {name: config[name] for name in _INHERITED if name in config}
    texts = [*data.data.texts, *data.sentences]
    # Enough words even if the present vocabulary is among the most frequent ones.
    candidates = build_vocabulary(texts, args.words + len(settings["words"]))
    space, settings = extend_vocabulary(space, settings, candidates, args.words)
    state = {name: value.clone() for name, value in space.state_dict().items()}
    return StartingPoint(settings, config["network"], space=space, state=state)


def load_pretrained_backbone(name: str) -> Backbone:
    """Load a public backbone on the CPU, in eval mode.

    Args:
        name: One of `PRETRAINED_BACKBONES`.

    Raises:
        PackageError: The package with its weights is not installed.
    """
    network = RegionBackbone(backbone=name)
    state, digest = load_imagenet_weights(PRETRAINED_BACKBONES[name])
    network.load_state_dict(state)
    return Backbone(network.to(memory_format=torch.channels_last).eval(), digest)


def extend_vocabulary(
    space: JointSpace, settings: dict[str, Any], words: Sequence[str], max_words: int
) -> tuple[JointSpace, dict[str, Any]]:
    """Give words of their own rows in the embedding table of a joint space.

    The row of a new word is the mean of the rows of its letter n-grams, so that the embeddings of all texts
    stay as they are.

    Args:
        space: Joint space with these settings.
        settings: Arguments of `JointSpace`, with `words` and `buckets`.
        words: Distinct candidates; those in the vocabulary are skipped.
        max_words: Size limit of the vocabulary; present words stay in any case.

    Returns:
        The new joint space and its settings.
    """
    vocabulary = set(settings["words"])
    new_words = [word for word in words if word not in vocabulary][: max(0, max_words - len(vocabulary))]
    tokenizer = SubwordTokenizer(settings["words"], settings["buckets"])
    settings = settings | {"words": [*settings["words"], *new_words]}
    extended = JointSpace(**settings, tuned=space.base is not None)
    state = space.state_dict()
    table = state[_TABLE]
    rows = [table[tokenizer.subword_ids(word)].mean(0) for word in new_words]
    first_bucket = FIRST_WORD_ID + len(vocabulary)
    state[_TABLE] = torch.cat([table[:first_bucket], *(row[None] for row in rows), table[first_bucket:]])
    extended.load_state_dict(state)
    return extended.train(space.training), settings
