"""Clothes parsing with SegFormer, a public network from the Hub.

Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers", NeurIPS
2021, fine-tuned on the 18 labels of ATR. The network comes with the package transformers.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from shared.core import devices
from shared.core.diffusion.loading import find_files
from shared.core.diffusion.pipeline import ComponentFiles, load_component
from shared.core.diffusion.repositories import PipelineRepository
from shared.core.images import to_tensor
from shared.core.tiling import working_size
from shared.core.weights import WeightsError
from shared.restyle.parsing.classes import ATR_LABELS, NAMES, classes_of_atr
from shared.restyle.parsing.parser import MAX_SIDE, WORKING_SIDE
from shared.restyle.parsing.pixel_parser import PixelParser

SIDE = 512  # of the square to which images were stretched in its training, in pixels
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the colors of ImageNet, 0..1


class SegformerParser(PixelParser):
    """Finds what people wear in photos of any size; safe to call from many threads at once.

    `SegformerParser.load` returns one.

    Args:
        network: `SegformerForSemanticSegmentation` with the labels of ATR, on its device, in eval mode.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self._device = next(network.parameters()).device
        self._classes = torch.from_numpy(classes_of_atr()).to(self._device)
        self._lock = threading.Lock()  # parallel calls would compete for the same cores

    @classmethod
    def load(
        cls,
        name: str,
        revision: str | None,
        *,
        parameters: int = 0,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> SegformerParser:
        """Load the network from a folder, the local cache or the Hub.

        Args:
            name: Repository.
            revision: Commit of the repository.
            parameters: Number of weights, to check the memory before a download.
            folder: Folder of the files, if it is known.
            device: Device of the network; by default the fastest.

        Raises:
            WeightsError: See `find_files` and `load_component`, or the network has other labels.
        """
        repository = PipelineRepository(name, revision, ("",), parameters=parameters)
        path, _ = find_files(repository, folder=folder, device=device)
        from transformers import SegformerForSemanticSegmentation  # takes seconds

        files = ComponentFiles(SegformerForSemanticSegmentation, path)
        network = load_component(files, torch.float32, torch.device(device or devices.default_device()))
        if network.config.num_labels != len(ATR_LABELS):
            raise WeightsError(
                f"The network in {path} has {network.config.num_labels} labels in place of "
                f"{len(ATR_LABELS)}: delete the folder, and it will be downloaded again."
            )
        return cls(network)

    @torch.inference_mode()
    def probabilities(self, image: Image.Image) -> np.ndarray:
        """Compute the probabilities of all classes at working size.

        Args:
            image: Mode RGB.

        Returns:
            float32 `[C, h, w]` in 0..1, to be stretched to the image.
        """
        square = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        x = (to_tensor(square) - _planes(MEAN)) / _planes(DEVIATION)
        with self._lock:
            logits = self.network(pixel_values=x.to(self._device)).logits.float()
        width, height = working_size(image.size, WORKING_SIDE, MAX_SIDE)
        logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        shares = logits[0].softmax(0)
        result = shares.new_zeros(len(NAMES), height, width).index_add_(0, self._classes, shares)
        values: np.ndarray = result.cpu().numpy()
        return values


def _planes(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)
