"""Refinement of a caption decoder by a reward for whole sentences.

The decoder draws several sentences for each image. Those whose CIDEr-D is above that of the others become
likelier (Rennie et al., "Self-Critical Sequence Training for Image Captioning", CVPR 2017; the mean of the
other sentences as baseline: Luo, "A Better Variant of Self-Critical Sequence Training", 2020). The loss of
the next word on all data sets is added, so that names of things are not forgotten. Updates of low rank are
trained, and written to an adapter beside the weights: the decoder without it keeps its probabilities, by
which `shared.crossmodal.likelihood` compares texts with images.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.core import weights
from shared.crossmodal.benchmarks.caption_metrics import CiderScorer
from shared.crossmodal.captioning import CaptionWriter, save_adapter
from shared.crossmodal.training.captions.next_words import CaptionTraining
from shared.networks.crossmodal.captions import FIRST_WORD, PADDING, CaptionDecoder
from shared.networks.crossmodal.low_rank import add_low_rank_updates, low_rank_state
from shared.networks.crossmodal.word_by_word import draw_sentences
from shared.training.loop import step_seed

#: Sentences that are drawn for each image.
DRAWS = 5
#: Weight of the loss of the next word.
NEXT_WORD_SHARE = 0.3
#: Images of the development split whose sentences are compared with those of people.
VALIDATION_IMAGES = 200


def reward_loss(logits: Tensor, ids: Tensor, rewards: Tensor) -> Tensor:
    """Compute the policy-gradient loss of drawn sentences, a scalar.

    Args:
        logits: Of the next words, `[B * DRAWS, L - 1, words]`.
        ids: Drawn sentences, `[B * DRAWS, L]`.
        rewards: Reward of each, `[B, DRAWS]`.
    """
    others = (rewards.sum(1, keepdim=True) - rewards) / (rewards.shape[1] - 1)
    advantages = (rewards - others).flatten()
    words = ids[:, 1:]
    likelihood = logits.float().log_softmax(-1).gather(-1, words[..., None])[..., 0]
    is_word = words != PADDING
    return -(advantages[:, None] * likelihood * is_word).sum() / is_word.sum()


class SelfCriticalTraining(CaptionTraining):
    """Refinement of one decoder.

    Args:
        args: From `shared.crossmodal.train_captions.caption_parser`, with `refine`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        data = self.sampler.data
        self._score = CiderScorer(_captions(data.texts, data.image_index, self.captioned))
        self._score_held_out = CiderScorer(
            _captions(self.held_out.texts, self.held_out.image_index, VALIDATION_IMAGES)
        )
        assert self.sampler.sampling is not None  # as `CaptionTraining` makes it
        probabilities = self.sampler.sampling[: self.captioned]
        self._sampling = probabilities / probabilities.sum()

    def start(self, texts: Sequence[str]) -> CaptionDecoder:
        network = weights.load(CaptionDecoder, self.args.refine.name, folder=self.args.refine)
        network.requires_grad_(False)
        network.bias.requires_grad_(True)
        network.decoder.requires_grad_(True)
        add_low_rank_updates(network.decoder, self.args.rank)
        return network

    def draw(self, step: int) -> tuple[Tensor, ...]:
        """Draw the numbers of images with captions, their features, and a batch of captions."""
        seed = step_seed(self.args.seed, step)
        images = np.random.default_rng(seed).choice(self.captioned, self.args.batch, p=self._sampling)
        rows = np.stack([self.sampler.features[image] for image in images]).astype(np.float32)
        captions = self.sampler.draw(2 * self.args.batch, seed)
        return torch.tensor(seed), torch.from_numpy(images), torch.from_numpy(rows), *captions

    def loss(self, network: CaptionDecoder, batch: tuple[Tensor, ...]) -> Tensor:
        seed, images, rows, *captions = batch
        network.eval()  # dropout would draw others than those whose probability is computed
        with torch.no_grad():
            memory = network.memory(rows).repeat_interleave(DRAWS, 0)
            ids = draw_sentences(network, memory, torch.Generator().manual_seed(int(seed)))
        rewards = [
            self._score(image, self._words(sentence))
            for image, sentence in zip(images.repeat_interleave(DRAWS).tolist(), ids.tolist(), strict=True)
        ]
        logits = network.next_words(memory, ids[:, :-1])
        return reward_loss(logits, ids, torch.tensor(rewards).view(-1, DRAWS)) + (
            NEXT_WORD_SHARE * super().loss(network, tuple(captions))
        )

    @torch.inference_mode()
    def validate(self, network: CaptionDecoder) -> Mapping[str, float]:
        """Return the mean CIDEr-D of the first sentences about held-out images as `score`."""
        write = CaptionWriter(network)
        count = min(VALIDATION_IMAGES, len(self.held_out.images))
        scores = []
        for image in range(count):
            rows = torch.from_numpy(np.array(self.validation.features[image])).float()
            sentence = write(rows)[0].text.lower().removesuffix(".")
            scores.append(self._score_held_out(image, sentence.split()))
        return {"score": float(np.mean(scores))}

    def save(self, network: CaptionDecoder) -> Path:
        """Write the weight folder of `refine` with the adapter, and return it."""
        folder = self.args.out / "weights"
        shutil.copytree(self.args.refine, folder, dirs_exist_ok=True)
        save_adapter(folder, low_rank_state(network))
        return folder

    def _words(self, ids: Sequence[int]) -> list[str]:
        return [self.network.words[number - FIRST_WORD] for number in ids if number >= FIRST_WORD]


def _captions(texts: Sequence[str], image_index: np.ndarray, count: int) -> list[list[str]]:
    """Return the captions of each of the first images."""
    captions: list[list[str]] = [[] for _ in range(count)]
    for text, image in zip(texts, image_index.tolist(), strict=True):
        if image < count:
            captions[image].append(text)
    return captions
