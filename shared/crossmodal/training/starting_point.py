"""Starting point of the training of a joint space: a new space, or one that is already trained."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from shared.core import weights
from shared.crossmodal.data.training_data import TrainingData
from shared.crossmodal.embedders.region_features import Backbone, load_backbone
from shared.crossmodal.text.tokenizer import build_vocabulary
from shared.crossmodal.training.backbones import load_pretrained_backbone
from shared.crossmodal.training.vocabulary import extend_vocabulary
from shared.networks.joint import JointSpace

#: Arguments of `JointSpace` that a trained space passes on.
_INHERITED = ("heads", "buckets", "words", "width", "hidden", "features", "fusion", "recurrences", "trunk")


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
