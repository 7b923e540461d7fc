"""PSNR, chroma error and colorfulness of colorizers, beside grey and beside one color for everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.evaluation import reports
from shared.evaluation.colorfulness import colorfulness
from shared.translation.colorization.colorizer import Colorizer
from shared.translation.colorization.lab import image_of

MODULE = "shared.translation.benchmark colorization"
MAX_SIDE = 256  # of the photos in the comparison, in pixels
MAX_PSNR = 60.0  # of equal images, for which it is infinite

#: Maps a photo to its colorized version.
Method = Callable[[Image.Image], Image.Image]


def constant_chroma(chroma: tuple[float, float]) -> Method:
    """Return a method that gives every pixel the same chroma, in place of a network.

    Args:
        chroma: a and b of CIE Lab.
    """

    def method(image: Image.Image) -> Image.Image:
        lightness = rgb2lab(np.asarray(image))[..., 0].astype(np.float32)
        return image_of(lightness, np.broadcast_to(np.array(chroma, np.float32), (*lightness.shape, 2)))

    return method


def mean_chroma(files: Sequence[ImageFile]) -> tuple[float, float]:
    """Return the mean a and b of CIE Lab over images, all of equal weight."""
    means = [rgb2lab(np.asarray(_photo(file)))[..., 1:].mean((0, 1)) for file in files]
    a, b = np.mean(means, 0)
    return float(a), float(b)


def score_method(files: Sequence[ImageFile], method: Method) -> dict[str, float]:
    """Compare the results of a method with the photos.

    Returns:
        `PSNR` in dB, the mean over photos; `chroma_error`, the mean distance in the ab plane; `saturation`
        (mean chroma) and `colorfulness`, each divided by that of the photos.
    """
    psnr, errors, chromas, true_chromas, colors, true_colors = [], [], [], [], [], []
    for file in tqdm(files, unit="photo"):
        truth = np.asarray(_photo(file))
        result = np.asarray(method(Image.fromarray(truth)))
        true_ab, ab = rgb2lab(truth)[..., 1:], rgb2lab(result)[..., 1:]
        same = np.array_equal(truth, result)  # a photo without colors and a grey result
        psnr.append(MAX_PSNR if same else peak_signal_noise_ratio(truth, result))
        errors.append(np.linalg.norm(ab - true_ab, axis=-1).mean())
        chromas.append(np.linalg.norm(ab, axis=-1).mean())
        true_chromas.append(np.linalg.norm(true_ab, axis=-1).mean())
        colors.append(colorfulness(result))
        true_colors.append(colorfulness(truth))
    return {
        "PSNR": float(np.mean(psnr)),
        "chroma_error": float(np.mean(errors)),
        "saturation": float(np.mean(chromas) / np.mean(true_chromas)),
        "colorfulness": float(np.mean(colors) / np.mean(true_colors)),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Score colorizers on photos that nobody trained on.", MODULE)
    parser.add_argument(
        "--engine", nargs="+", default=["color"], metavar="NAME", help="engines (%(default)s)"
    )
    parser.add_argument("--split", default="test", help="name of the part, for the report (%(default)s)")
    options = parser.parse_args(arguments)
    available = read_images([options.data])
    files = available[: options.limit]
    started = time.perf_counter()
    methods: dict[str, Method] = {}
    for name in options.engine:
        methods[name] = _engine_method(Colorizer.load(name, folder=options.weights))
    methods["grey"] = constant_chroma((0, 0))
    methods["one color"] = constant_chroma(mean_chroma(files))
    return reports.finish(
        reports.Report(
            benchmark="colorization",
            data=Path(options.data).stem,
            split=options.split,
            items=len(files),
            weights=Path(options.weights).name if options.weights else ", ".join(options.engine),
            metrics={name: score_method(files, method) for name, method in methods.items()},
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )


def _engine_method(colorizer: Colorizer) -> Method:
    return lambda image: colorizer(image).image


def _photo(file: ImageFile) -> Image.Image:
    image = file.image()
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    return image


if __name__ == "__main__":
    main()
