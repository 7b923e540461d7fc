"""CFN as a classifier: from RGB images to probabilities, features and out-of-distribution scores."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.calls import check_call
from shared.core.cpu_runtime import compiled
from shared.core.engines import Engine
from shared.core.images import Box, to_tensor
from shared.core.models import load_network
from shared.networks.cfn import CFN
from shared.recognition.backends import ClassEvidence, ClassifierOutput, ExplainableBackend
from shared.recognition.saliency import grad_cam, occlusion, place_in_image

MAX_OOD_SCORE = 2.0


@dataclass(frozen=True, eq=False)
class _ClassPass:
    """One pass of the network with the gradients of one class.

    Attributes:
        class_id: Index of the class.
        logits: `[classes]`.
        maps: `[1, K, h, w]` of each branch, before its global average.
        gradients: Gradients of the class's logit by the maps, of the same shapes.
        contributions: Part of the class's logit by branch, and of the biases.
    """

    class_id: int
    logits: Tensor
    maps: Sequence[Tensor]
    gradients: Sequence[Tensor]
    contributions: Mapping[str, float]


class CFNBackend(ExplainableBackend):
    """CFN with the preprocessing and the calibration of its weights.

    The out-of-distribution score is 1 minus the largest cosine similarity between an image's feature and the
    prototypes, which are cluster centers of the training images' features.

    Attributes:
        network: The network on its device, in eval mode.
        labels: Class names, by id.
        temperature: Divisor of the logits that calibrates the probabilities.
        size: Side of the network's input in pixels.
        ood_threshold: Score above which an image is out of distribution.
    """

    def __init__(
        self,
        network: CFN,
        *,
        labels: Sequence[str],
        temperature: float = 1.0,
        size: int = 224,
        ood_threshold: float = MAX_OOD_SCORE,
    ) -> None:
        self.network = network
        self._compiled = compiled(network, network.features_and_logits)
        self.labels = tuple(labels)
        self.temperature = temperature
        self.size = size
        self.ood_threshold = ood_threshold
        self._device = next(network.parameters()).device
        self._prototypes = F.normalize(network.get_buffer("prototypes"), dim=1)
        self._lock = threading.Lock()  # parallel batches would compete for the same cores

    @classmethod
    def load(
        cls,
        engine: Engine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        fused: bool = True,
    ) -> CFNBackend:
        """Load a CFN with the weights of an engine; see `shared.core.models.load_network`.

        Args:
            engine: Engine with weights of a CFN.
            folder: Weight folder in place of the engine's own.
            device: Device of the network.
            allow_hub: True permits the download of missing weights.
            fused: False leaves out the side branches and the fusion. The prototypes, which are features of
                the fusion, are then left out, too.

        Raises:
            WeightsError: The weights cannot be used, or lack the name of a class.
        """
        network, folder = load_network(engine, CFN, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(folder)
        if len(config.get("labels") or ()) != network.classifier.out_features:
            raise weights.WeightsError(f"{folder / weights.CONFIG} must list a label for every class.")
        temperature = config.get("temperature", 1.0)
        if not fused:
            network.remove_fusion()
            temperature = config.get("plain_temperature", temperature)
        return cls(
            network,
            labels=config["labels"],
            temperature=float(temperature),
            size=int(config.get("size", 224)),
            ood_threshold=float(config.get("familiar", MAX_OOD_SCORE)),
        )

    @torch.inference_mode()
    def predict(self, images: Sequence[Image.Image]) -> ClassifierOutput:
        inputs = torch.cat([self.preprocess(image) for image in images])
        features, logits = self.features_and_logits(inputs)
        features = features.float()
        return ClassifierOutput(
            probabilities=(logits.float() / self.temperature).softmax(1).cpu().numpy(),
            features=features.cpu().numpy(),
            ood_scores=self._ood_scores(features).cpu().numpy(),
        )

    def explain(self, image: Image.Image, class_id: int | None, method: str) -> ClassEvidence:
        with torch.inference_mode(False):  # a caller's inference mode would leave no gradients
            inputs = self.preprocess(image)
            class_pass = self._class_pass(inputs, class_id)
            class_id = class_pass.class_id
            if method == "grad-cam":
                height, width = max(tuple(branch_map.shape[-2:]) for branch_map in class_pass.maps)
                saliency = grad_cam(class_pass.maps, class_pass.gradients, (height, width))
            else:
                saliency = occlusion(lambda views: self.probabilities(views)[:, class_id], inputs[0])
        return ClassEvidence(
            class_id=class_id,
            probability=float((class_pass.logits / self.temperature).softmax(0)[class_id]),
            heatmap=place_in_image(saliency, center_square(image.size), image.size),
            contributions=class_pass.contributions,
        )

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the center square of an RGB image as `[1, 3, size, size]` in 0..1."""
        box, side = center_square(image.size), (self.size, self.size)
        square = image.resize(side, Image.Resampling.BICUBIC, box, reducing_gap=2.0)
        return to_tensor(square).to(self._device, memory_format=torch.channels_last)

    def features_and_logits(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the logits of preprocessed images, see `CFN.features_and_logits`."""
        with self._lock:
            features, logits = self._compiled(inputs)
        return features, logits

    def probabilities(self, inputs: Tensor) -> Tensor:
        """Return class probabilities `[B, classes]` of preprocessed images `[B, 3, size, size]`."""
        # The lock is released after each batch, so that other calls need not wait for a whole explanation.
        check_call()
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self._lock:
            return (self._compiled(inputs)[1].float() / self.temperature).softmax(1)

    def _class_pass(self, inputs: Tensor, class_id: int | None) -> _ClassPass:
        network = self.network
        with self._lock:
            with torch.no_grad():
                maps = network.branch_maps(inputs)
            with torch.enable_grad():
                maps = [branch_map.requires_grad_() for branch_map in maps]
                branches = network.branch_vectors(maps)
                logits = network.classifier(network.fuse(branches))[0]
                class_id = int(logits.argmax()) if class_id is None else class_id
                # Gradients of the maps alone: the parameters, which threads share, keep none.
                gradients = torch.autograd.grad(logits[class_id], maps)
            with torch.no_grad():
                target = torch.tensor([class_id], device=inputs.device)
                contributions = network.contributions(branches, target)[0].tolist()
        sources = (*CFN.BRANCH_NAMES[: len(contributions) - 1], "bias")
        return _ClassPass(
            class_id=class_id,
            logits=logits.detach().float(),
            maps=[branch_map.detach() for branch_map in maps],
            gradients=gradients,
            contributions=dict(zip(sources, contributions, strict=True)),
        )

    def _ood_scores(self, features: Tensor) -> Tensor:
        if not len(self._prototypes):
            return features.new_zeros(len(features))
        return 1 - (F.normalize(features, dim=1) @ self._prototypes.T).amax(1)


def center_square(size: tuple[int, int]) -> Box:
    """Return the largest square in the center of an image of `size` (width, height).

    >>> center_square((4, 2))
    (1.0, 0.0, 3.0, 2.0)
    """
    width, height = size
    side = min(size)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
