"""Main subject of a photo: the network at moderate size, and its mask at the size of the photo."""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import Image

from shared.core.images import Source, open_image, to_tensor
from shared.core.predictors import NetworkPredictor
from shared.core.tiling import working_size
from shared.matting.matte import Matte, confidence
from shared.matting.refinement import refine_alpha
from shared.networks.matting import MattingNetwork

WORKING_SIDE = 288  # the network sees as many pixels as a square of this side has
MAX_SIDE = 960  # of its input


class SubjectMatting(NetworkPredictor[MattingNetwork]):
    """Cuts out the main subject of photos of any size. Safe to call from many threads at once.

    Args:
        network: The network on its device, in eval mode.
    """

    NETWORK = MattingNetwork
    WEIGHTS = "matting-subject"

    def __call__(self, image: Source) -> Matte:
        """Find the main subject of an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.

        Returns:
            The matte, of the size of the image. Without a main subject its `coverage` or its `confidence` is
            low.

        Raises:
            ImageError: The image cannot be used.
        """
        started = time.perf_counter()
        image = open_image(image)
        probability = self.probability(image)
        alpha = refine_alpha(image, probability)
        return Matte(
            image=image,
            alpha=alpha,
            coverage=float(probability.mean()),
            confidence=confidence(probability),
            seconds=time.perf_counter() - started,
        )

    @torch.inference_mode()
    def probability(self, image: Image.Image) -> np.ndarray:
        """Compute the probability of the subject at working size.

        Args:
            image: Mode RGB.

        Returns:
            float32 `[h, w]` in 0..1, to be stretched to the image.
        """
        small = image.resize(
            working_size(image.size, WORKING_SIDE, MAX_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0
        )
        x = to_tensor(small).to(self._device)
        # A subject on the left is one on the right: the mean over both is surer at borders.
        x = torch.cat([x, x.flip(-1)]).contiguous(memory_format=torch.channels_last)
        with self._lock:
            logits = self._compiled(x).float()
        mean = (logits[:1] + logits[1:].flip(-1)) / 2
        values: np.ndarray = mean[0, 0].sigmoid().cpu().numpy()
        return values
