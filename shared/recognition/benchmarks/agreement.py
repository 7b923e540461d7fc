"""Top-1 agreement of classifiers with their teacher on held-out images, clean and under distribution shifts.

The teacher always receives the clean view of 224 pixels with the padding that it was trained with. The
classifiers receive the same view, and then harder ones: other sizes, symmetric padding, blur, JPEG. The
teacher itself is scored under the same conditions for reference.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from PIL import Image, ImageFilter
from torch import Tensor
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.core.images import encode_image, to_tensor
from shared.evaluation import reports
from shared.networks.backbones.mobilenet_v2 import PADDINGS
from shared.networks.cfn import CFN
from shared.recognition.benchmarks.common import engine_parser, load_cfn, parse_engines, weights_name
from shared.recognition.cfn_backend import center_square
from shared.recognition.training.teacher import Teacher

MODULE = "shared.recognition.benchmark agreement"
SIZES = (160, 192, 256, 288, 320)
BATCH = 16


def crop_view(image: Image.Image, size: int = Teacher.SIZE) -> Image.Image:
    """Return the center square of an image, resized as a classifier resizes it."""
    return image.resize((size, size), Image.Resampling.BICUBIC, center_square(image.size))


def blurred_view(image: Image.Image) -> Image.Image:
    """Return the view after a Gaussian blur of 1 pixel."""
    return crop_view(image).filter(ImageFilter.GaussianBlur(1.0))


def jpeg_view(image: Image.Image, quality: int = 30) -> Image.Image:
    """Return the view after JPEG compression."""
    return Image.open(io.BytesIO(encode_image(crop_view(image), "JPEG", quality))).convert("RGB")


#: View of an image, and padding of the network, by the name of the condition.
CONDITIONS: dict[str, tuple[Callable[[Image.Image], Image.Image], str]] = {
    "clean": (crop_view, PADDINGS[0]),
    "symmetric padding": (crop_view, PADDINGS[1]),
    "blur": (blurred_view, PADDINGS[0]),
    "JPEG 30": (jpeg_view, PADDINGS[0]),
    **{f"{size} pixels": (partial(crop_view, size=size), PADDINGS[0]) for size in SIZES},
}


@torch.inference_mode()
def predict_classes(network: CFN | Teacher, views: Sequence[Image.Image], padding: str) -> Tensor:
    """Return the likeliest class of each view, int64 `[N]`."""
    network.base.set_padding(padding)
    try:
        classes: Tensor = network(torch.cat([to_tensor(view) for view in views])).argmax(1)
        return classes
    finally:
        network.base.set_padding(PADDINGS[0])


def measure_agreement(
    images: Sequence[ImageFile], teacher: Teacher, networks: Mapping[str, CFN | Teacher]
) -> dict[str, dict[str, float]]:
    """Compute the top-1 agreement of each network with the teacher.

    Returns:
        `{network: {condition: 0..1}}`.
    """
    matches = {name: dict.fromkeys(CONDITIONS, 0) for name in networks}
    for start in tqdm(range(0, len(images), BATCH), unit="batch"):
        batch = [image.image() for image in images[start : start + BATCH]]
        reference = predict_classes(teacher, [crop_view(image) for image in batch], PADDINGS[0])
        for condition, (make_view, padding) in CONDITIONS.items():
            views = [make_view(image) for image in batch]
            for name, network in networks.items():
                classes = predict_classes(network, views, padding)
                matches[name][condition] += int((classes == reference).sum())
    return {
        name: {condition: count / len(images) for condition, count in row.items()}
        for name, row in matches.items()
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser("Compare classifiers with their teacher.", MODULE, default=["cfn"])
    parser.add_argument("--teacher", type=Path, required=True, help="MobileNetV2 for ImageNet (safetensors)")
    options = parse_engines(parser, arguments)
    try:
        available = read_images([options.data])
    except FileNotFoundError as error:
        parser.error(str(error))
    images = available[: options.limit]
    teacher = Teacher(options.teacher)
    networks: dict[str, CFN | Teacher] = {
        name: load_cfn(name, options.weights, device="cpu").network for name in options.engine
    }
    started = time.perf_counter()
    metrics = measure_agreement(images, teacher, {**networks, "teacher itself": teacher})
    return reports.finish(
        reports.Report(
            benchmark="agreement with the teacher",
            data=options.data.stem,
            split="held-out",
            items=len(images),
            weights=weights_name(options.weights, options.engine),
            metrics=metrics,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
