"""Outfit swaps: a person in one photo gets garments of another photo, by SwapGAN."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from shared.core.errors import check_range
from shared.core.images import Source, open_image, to_image
from shared.core.models import load_on_device
from shared.networks.swapgan import SwapGAN, SwapInputs, SwapOutputs
from shared.restyle.parsing.classes import class_index
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.pose.estimator import PoseEstimator
from shared.restyle.swap.body import PARTS_OF_CLASS, TORSO, find_bone
from shared.restyle.swap.compose import compose
from shared.restyle.swap.fabric import Swap
from shared.restyle.swap.inputs import make_inputs
from shared.restyle.swap.result import OutfitSwap, Stage
from shared.restyle.swap.subject import Subject, choose_garments, describe, find_subject

WEIGHTS = "restyle-swapgan"
STAGE_SCALE = 2  # of the images of stages: the network's frames are small


class OutfitSwapper:
    """Swaps garments between photos of any size. Safe to call from many threads at once.

    Args:
        network: SwapGAN on its device, in eval mode.
        parser: Finds the garments.
        estimator: Finds the joints.
    """

    def __init__(self, network: SwapGAN, parser: OutfitParser, estimator: PoseEstimator) -> None:
        self.network = network
        self.parser = parser
        self.estimator = estimator
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores

    @classmethod
    def load(
        cls,
        name: str = WEIGHTS,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> OutfitSwapper:
        """Load the networks: SwapGAN, clothes parsing and pose.

        Args:
            name: Name of SwapGAN's weights, see `shared.core.weights.find`.
            folder: Path of their folder, if it is known.
            device: Device of the networks, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine.

        Raises:
            WeightsError: The weights cannot be used.
        """
        network, _ = load_on_device(SwapGAN, name, folder=folder, device=device, allow_hub=allow_hub)
        parser = OutfitParser.load(device=device, allow_hub=allow_hub)
        return cls(network, parser, PoseEstimator.load(device=device, allow_hub=allow_hub))

    def __call__(
        self,
        person: Source,
        source: Source,
        garments: Sequence[str] = ("top", "outerwear", "dress", "bottom"),
        strength: float = 1.0,
    ) -> OutfitSwap:
        """Dress a person in garments of another photo.

        Args:
            person: Photo of the person; anything that `shared.core.images.open_image` takes.
            source: Photo of somebody who wears the garments.
            garments: Garments of the person that change, of `shared.restyle.swap.fabric.SUBSTITUTES`. A
                garment that the source does not wear is replaced by the nearest one that it does; those for
                which there is none are left as they are.
            strength: 0 unchanged to 1 new garments.

        Returns:
            The result, of the size of the person's photo.

        Raises:
            ImageError: A photo cannot be used.
            InputError: There is no person in a photo, or no such garment in both.
            ValueError: A garment is unknown, or the strength is out of range.
        """
        started = time.perf_counter()
        strength = check_range("strength", strength, (0.0, 1.0))
        wearer = find_subject(open_image(person), self.parser, self.estimator, "photo of the person")
        model = find_subject(open_image(source), self.parser, self.estimator, "photo of the outfit")
        pairs = choose_garments(wearer, model, tuple(garments))
        swap = Swap(wearer.figure, model.figure, pairs)
        inputs, outputs = self.run(swap)
        frame = outputs.image[0].add(1).div(2).cpu().numpy()
        image = compose(wearer, model, swap, frame, strength)
        return OutfitSwap(
            image=image,
            garments=pairs,
            stages=make_stages(wearer, inputs, outputs),
            agreement=agreement(inputs, outputs, pairs),
            notes=find_limits(wearer, model, garments, pairs),
            seconds=time.perf_counter() - started,
        )

    @torch.inference_mode()
    def run(self, swap: Swap) -> tuple[SwapInputs, SwapOutputs]:
        """Run the generators on a swap of frames.

        Args:
            swap: The swap.

        Returns:
            Inputs and outputs, a batch of one, images in -1..1.
        """
        inputs = make_inputs(swap, pose=self.network.pose)
        inputs = SwapInputs(*(tensor.to(self._device) for tensor in inputs))
        with self._lock:
            return inputs, self.network(inputs)


def agreement(inputs: SwapInputs, outputs: SwapOutputs, garments: Sequence[str] | dict[str, str]) -> float:
    """Return the probability that generator III gives the garments, mean over the pixels that change, 0..1.

    Args:
        inputs: Inputs, a batch of one.
        outputs: Outputs of the network.
        garments: Names of the garments.
    """
    if outputs.classes is None:
        return 1.0
    shares = outputs.classes.softmax(1)[:, [class_index(name) for name in garments]].sum(1, keepdim=True)
    return float((shares * inputs.mask).sum() / inputs.mask.sum().clamp(min=1))


def make_stages(person: Subject, inputs: SwapInputs, outputs: SwapOutputs) -> list[Stage]:
    """Return the steps of a swap as images with captions."""
    stages = [
        Stage("parse", "Clothes that were found", person.outfit.overlay()),
        Stage("pose", "Pose", person.pose.overlay()),
        Stage("warp", "Fabric, bent into the pose", _enlarged(inputs.fabric[:, :3])),
        Stage("generator-1", "I: the other person in this pose", _enlarged(outputs.person)),
        Stage("generator-2", "II: the new clothes on this person", _enlarged(outputs.image)),
    ]
    if outputs.classes is not None:
        clothes = outputs.classes.softmax(1)[:, 3:9].sum(1, keepdim=True)
        stages.append(
            Stage("generator-3", "III: the shape of the clothes, checked", _enlarged(2 * clothes - 1))
        )
    return stages


def find_limits(
    person: Subject, source: Subject, garments: Sequence[str], pairs: dict[str, str]
) -> list[str]:
    """Return sentences for visitors about what a swap lacks."""
    notes = []
    missing = [name for name in garments if name not in pairs]
    if missing:
        notes.append(f"Not in both photos, so left as it is: {describe(missing)}.")
    hidden = [
        name
        for name in pairs
        if not any(
            find_bone(part, person.figure.joints) and find_bone(part, source.figure.joints)
            for part in PARTS_OF_CLASS[name]
        )
    ]
    if hidden:
        notes.append(f"The pose is not visible for: {describe(hidden)}; the fabric is stretched to fit.")
    elif not find_bone(TORSO, source.figure.joints):
        notes.append("The body of the other person is only partly visible, so prints may lie askew.")
    return notes


def _enlarged(values: torch.Tensor) -> Image.Image:
    """Return `[1, C, h, w]` in -1..1 as an image of twice the size."""
    image = to_image(np.asarray(values[0].add(1).div(2).clamp(0, 1).cpu().numpy()).squeeze())
    size = (image.width * STAGE_SCALE, image.height * STAGE_SCALE)
    return image.resize(size, Image.Resampling.BICUBIC)
