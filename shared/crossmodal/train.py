"""Train a joint space of images and sentences: `python -m shared.crossmodal.train --data NAME=FOLDER ...`.

First, the recognition network or `--backbone` computes the region features of all images. With `--distil`,
the teacher (a public sentence encoder, see `shared.crossmodal.training.teacher`) computes the vectors of all
texts. `--cache` stores both. Then a new space has these stages:

1. Text encoder (`--text-steps`): distillation of the teacher, also on `--sentences`. With `--text`, the text
   encoder of another joint space is loaded instead.
2. Warm-up (`--warm-steps`): contrastive loss of every head, and distillation loss.
3. Matching (`--steps`): loss of each head's paper on hard negatives. `train_jmc` trains JMC.
4. Fine-tuning (`--tune-steps`): stage 3 on images, with the backbone.
5. Frozen backbone (`--frozen-warm-steps`, `--frozen-steps`): stages 2 and 3 on the region features of the
   fine-tuned backbone.

With `--start`, a trained space with a fine-tuned backbone is loaded, and only stages 4 and 5 are run. Its
`--data` may include further data sets, such as images of things with names
(`shared.crossmodal.data.named_images`); in stage 5, `--lwf` weights a loss that preserves the vectors of the
first data set's pairs. The weights are averaged with those of `--start`, and with those of other runs from
there (`--peers`). The mixing weight is `--start-weight`, or the one with the best validation score (Wortsman
et al., "Robust fine-tuning of zero-shot models", CVPR 2022; "Model soups", ICML 2022).

Each stage has a folder under `--out`. Without `--start`, a stage that lowers the validation score is
discarded. An interrupted run resumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.crossmodal.training.joint_arguments import joint_parser
from shared.crossmodal.training.joint_training import JointTraining


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run the training from the command line and return the weight folder."""
    return JointTraining(joint_parser(__doc__).parse_args(arguments)).run()


if __name__ == "__main__":
    main()
