"""Classes of Caltech-101 that are classes of ImageNet too: labelled photos for an ImageNet classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from shared.recognition.data.datasets import read_class_folders
from shared.training.datasets import LabelledImages

# From a class of Caltech-101 to the ImageNet classes that are right for its photos. Classes without a clear
# partner are left out.
PARTNERS = {
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


def read_partners(root: str | Path, *, first: int = 0) -> LabelledImages:
    """The photos of Caltech-101 whose class has a partner in ImageNet.

    Args:
        root: `101_ObjectCategories`.
        first: how many photos of each class to leave out, in the order of their names: those that a training
            has seen.

    Raises:
        FileNotFoundError: none of the classes is there.
    """
    everything = read_class_folders(root)
    kept, seen = [], dict.fromkeys(everything.classes, 0)
    for index, photo in enumerate(everything.images):
        seen[photo.folder] += 1
        if photo.folder in PARTNERS and seen[photo.folder] > first:
            kept.append(index)
    if not kept:
        raise FileNotFoundError(f"{root} holds no class of Caltech-101 with a partner in ImageNet")
    return everything.part(kept)


def allowed(labelled: LabelledImages, labels: Sequence[str]) -> Tensor:
    """Which answers are right for each photo: bool `[N, classes]`.

    Args:
        labels: names of the classifier's classes, by number.

    Raises:
        ValueError: the classifier lacks a class that `PARTNERS` names.
    """
    numbers = {name: number for number, name in enumerate(labels)}
    missing = sorted({name for names in PARTNERS.values() for name in names} - set(numbers))
    if missing:
        raise ValueError(f"the classifier has no class {', '.join(missing)}")
    rows = torch.zeros(len(labelled.classes), len(labels), dtype=torch.bool)
    for number, name in enumerate(labelled.classes):
        rows[number, [numbers[partner] for partner in PARTNERS.get(name, ())]] = True
    return rows[torch.from_numpy(labelled.targets)]
