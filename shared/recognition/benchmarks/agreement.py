"""How often the classifier answers as its teacher does, on photos that no training step saw.

The teacher always sees the clean view of 224 pixels with the padding it was trained with. The classifier sees
the same view, and then views that are harder: other sizes, symmetric padding, blur, JPEG. The teacher is put
to the same tests beside it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageFilter
from torch import Tensor, nn
from tqdm import tqdm

from shared.core.images import to_tensor
from shared.evaluation import reports
from shared.networks.backbones.mobilenet_v2 import PADDINGS
from shared.recognition.classifier import Classifier, middle
from shared.recognition.training.teacher import Teacher
from shared.training.datasets import ImageFile, read_images

MODULE = "shared.recognition.benchmark agreement"
SIZES = (160, 192, 256, 288, 320)
BATCH = 16


def view(photo: Image.Image, size: int) -> Image.Image:
    """The largest square in the middle, as the classifier sees it."""
    return photo.resize((size, size), Image.Resampling.BICUBIC, middle(photo.size))


def jpeg(picture: Image.Image, quality: int = 30) -> Image.Image:
    """The picture after it was saved as JPEG."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


#: What is done to the photo, and the padding under which the network sees it.
CONDITIONS: dict[str, tuple[Callable[[Image.Image], Image.Image], str]] = {
    "clean": (lambda photo: view(photo, Teacher.SIZE), PADDINGS[0]),
    "symmetric padding": (lambda photo: view(photo, Teacher.SIZE), PADDINGS[1]),
    "blur": (lambda photo: view(photo, Teacher.SIZE).filter(ImageFilter.GaussianBlur(1.0)), PADDINGS[0]),
    "JPEG 30": (lambda photo: jpeg(view(photo, Teacher.SIZE)), PADDINGS[0]),
    **{f"{size} pixels": (lambda photo, s=size: view(photo, s), PADDINGS[0]) for size in SIZES},
}


@torch.inference_mode()
def answers(network: nn.Module, pictures: Sequence[Image.Image], padding: str) -> Tensor:
    """The likeliest class of each picture, int64 `[N]`."""
    network.base.set_padding(padding)
    try:
        return network(torch.cat([to_tensor(picture) for picture in pictures])).argmax(1)
    finally:
        network.base.set_padding(PADDINGS[0])


def agreement(photos: Sequence[ImageFile], teacher: nn.Module, networks: dict[str, nn.Module]) -> dict:
    """Top-1 agreement of each network with the teacher, `{network: {condition: 0..1}}`."""
    hits = {name: dict.fromkeys(CONDITIONS, 0) for name in networks}
    for start in tqdm(range(0, len(photos), BATCH), unit="batch"):
        images = [photo.image() for photo in photos[start : start + BATCH]]
        reference = answers(teacher, [view(image, Teacher.SIZE) for image in images], PADDINGS[0])
        for condition, (change, padding) in CONDITIONS.items():
            pictures = [change(image) for image in images]
            for name, network in networks.items():
                hits[name][condition] += int((answers(network, pictures, padding) == reference).sum())
    return {name: {key: count / len(photos) for key, count in row.items()} for name, row in hits.items()}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Compare classifiers with their teacher.", MODULE)
    parser.add_argument("--engine", nargs="+", default=["cfn"], metavar="NAME", help="(%(default)s)")
    parser.add_argument("--teacher", type=Path, required=True, help="MobileNetV2 for ImageNet (safetensors)")
    options = parser.parse_args(arguments)
    if options.weights and len(options.engine) != 1:
        parser.error("--weights needs exactly one --engine")
    try:
        available = read_images([options.data])
    except FileNotFoundError as error:
        parser.error(str(error))
    teacher = Teacher(options.teacher)
    networks = {
        name: Classifier.load(name, folder=options.weights, device="cpu").network for name in options.engine
    }
    started = time.perf_counter()
    metrics = agreement(available[: options.limit], teacher, {**networks, "teacher itself": teacher})
    return reports.finish(
        reports.Report(
            benchmark="agreement with the teacher",
            data=options.data.stem,
            split="kept aside",
            items=len(available[: options.limit]),
            weights=Path(options.weights).name if options.weights else ", ".join(networks),
            metrics=metrics,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
