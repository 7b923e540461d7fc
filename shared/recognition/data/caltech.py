"""Labelled images for ImageNet classifiers: the classes of Caltech-101 that ImageNet has, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from shared.recognition.data.datasets import read_class_folders
from shared.training.datasets import LabelledImages

#: Correct ImageNet classes for each class of Caltech-101; classes without a clear counterpart are left out.
IMAGENET_CLASSES = {
    "Leopards": ("leopard",),
    "Motorbikes": ("moped", "motor scooter"),
    "accordion": ("accordion",),
    "airplanes": ("airliner", "warplane", "wing"),
    "ant": ("ant",),
    "barrel": ("barrel", "rain barrel"),
    "beaver": ("beaver",),
    "binocular": ("binoculars",),
    "butterfly": (
        *("admiral", "ringlet", "monarch", "cabbage butterfly", "sulphur butterfly"),
        "lycaenid",
    ),
    "camera": ("reflex camera", "Polaroid camera"),
    "cannon": ("cannon",),
    "cellphone": ("cellular telephone",),
    "cougar_body": ("cougar",),
    "cougar_face": ("cougar",),
    "crab": ("Dungeness crab", "rock crab", "fiddler crab", "king crab", "hermit crab"),
    "crayfish": ("crayfish",),
    "crocodile": ("African crocodile", "American alligator"),
    "crocodile_head": ("African crocodile", "American alligator"),
    "dalmatian": ("dalmatian",),
    "dragonfly": ("dragonfly", "damselfly"),
    "electric_guitar": ("electric guitar",),
    "elephant": ("Indian elephant", "African elephant", "tusker"),
    "flamingo": ("flamingo",),
    "flamingo_head": ("flamingo",),
    "grand_piano": ("grand piano",),
    "lamp": ("table lamp", "lampshade"),
    "laptop": ("laptop", "notebook"),
    "llama": ("llama",),
    "lobster": ("American lobster", "spiny lobster"),
    "nautilus": ("chambered nautilus",),
    "panda": ("giant panda",),
    "pizza": ("pizza",),
    "platypus": ("platypus",),
    "revolver": ("revolver",),
    "rooster": ("cock",),
    "saxophone": ("sax",),
    "schooner": ("schooner",),
    "scorpion": ("scorpion",),
    "soccer_ball": ("soccer ball",),
    "starfish": ("starfish",),
    "stop_sign": ("street sign",),
    "strawberry": ("strawberry",),
    "tick": ("tick",),
    "trilobite": ("trilobite",),
    "umbrella": ("umbrella",),
}


def read_caltech_imagenet(root: str | Path, *, skip_per_class: int = 0) -> LabelledImages:
    """List the images of Caltech-101 whose class corresponds to classes of ImageNet.

    Args:
        root: `101_ObjectCategories`.
        skip_per_class: Number of images of each class to leave out, in the order of their names, such as
            those used in training.

    Raises:
        FileNotFoundError: None of the classes is there.
    """
    caltech = read_class_folders(root)
    indices, counts = [], dict.fromkeys(caltech.classes, 0)
    for index, image in enumerate(caltech.images):
        counts[image.folder] += 1
        if image.folder in IMAGENET_CLASSES and counts[image.folder] > skip_per_class:
            indices.append(index)
    if not indices:
        raise FileNotFoundError(f"{root} holds no class of Caltech-101 that is one of ImageNet's")
    return caltech.part(indices)


def correct_classes(labelled: LabelledImages, labels: Sequence[str]) -> Tensor:
    """Return the mask of correct ImageNet classes of each Caltech-101 image, bool `[N, classes]`.

    Args:
        labelled: N images of Caltech-101.
        labels: Names of the classifier's classes, by id.

    Raises:
        ValueError: The classifier lacks a class of `IMAGENET_CLASSES`.
    """
    class_ids = {name: class_id for class_id, name in enumerate(labels)}
    missing = sorted({name for names in IMAGENET_CLASSES.values() for name in names} - set(class_ids))
    if missing:
        raise ValueError(f"the classifier has no class {', '.join(missing)}")
    mask = torch.zeros(len(labelled.classes), len(labels), dtype=torch.bool)
    for row, name in zip(mask, labelled.classes, strict=True):
        row[[class_ids[label] for label in IMAGENET_CLASSES.get(name, ())]] = True
    return mask[torch.from_numpy(labelled.targets)]
