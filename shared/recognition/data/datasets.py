"""Readers of the public data sets of recognition, in their usual layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.image_files import ImageFile, read_images
from shared.evaluation.segmentation import VOID
from shared.training.datasets import AnnotatedImage, LabelledImages, read_annotated_images
from shared.training.segmentation_crops import SegmentationExample

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train"),
    "tv monitor",
)
CAMVID_CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian"),
    "bicyclist",
)


@dataclass(frozen=True)
class SegmentationDataset:
    """Images with a class id for every pixel.

    Attributes:
        images: Images and annotations.
        classes: Class names, by id.
        void: Id, in the annotation files, of pixels without a class.
    """

    images: tuple[AnnotatedImage, ...]
    classes: tuple[str, ...]
    void: int

    def ids(self, image: AnnotatedImage) -> np.ndarray:
        """Return the class ids of an image, uint8 `[H, W]`, `VOID` for pixels without a class."""
        ids = image.annotation()
        return np.where(ids == self.void, VOID, ids).astype(np.uint8)

    def load(self, scale: float) -> list[SegmentationExample]:
        """Read all images into memory, as examples whose crops are enlarged by `scale`."""
        return [SegmentationExample(np.array(image.image()), self.ids(image), scale) for image in self.images]


def read_segmentation_dataset(root: str | Path, split: str) -> SegmentationDataset:
    """List a segmentation set.

    Args:
        root: PASCAL VOC's classes in `images/SPLIT` and `labels/SPLIT` (or `images` and `labels`, for a set
            without splits), or CamVid in the layout of the SegNet tutorial: `SPLIT` and `SPLITannot`.
        split: Such as `"train"`, `"val"` or `"test"`.

    Raises:
        FileNotFoundError: The folder has neither layout.
    """
    root = Path(root)
    if (root / f"{split}annot").is_dir():
        images = read_annotated_images(root / split, root / f"{split}annot")
        return SegmentationDataset(tuple(images), CAMVID_CLASSES, void=len(CAMVID_CLASSES))
    for subfolder in (split, ""):
        if (root / "labels" / subfolder).is_dir() and (root / "images" / subfolder).is_dir():
            images = read_annotated_images(root / "images" / subfolder, root / "labels" / subfolder)
            return SegmentationDataset(tuple(images), VOC_CLASSES, void=VOID)
    raise FileNotFoundError(f"{root} has neither labels/{split} nor {split}annot")


def read_class_folders(root: str | Path, *, skip: Sequence[str] = ()) -> LabelledImages:
    """List a set with one folder per class: Caltech-101, Flowers-17, Scene-15, CIFAR-10 as image files.

    Args:
        root: Folder of the classes' folders.
        skip: Folder names to leave out, such as Caltech-101's `"BACKGROUND_Google"`.

    Raises:
        FileNotFoundError: The folder holds no image in a class folder.
    """
    images = [
        image
        for image in read_images([root])
        if image.folder not in skip and image.path.parent.parent == Path(root)
    ]
    if not images:
        raise FileNotFoundError(f"{root} holds no folder with photos for each class")
    classes = tuple(sorted({image.folder for image in images}))
    class_ids = {name: class_id for class_id, name in enumerate(classes)}
    return LabelledImages(tuple(images), np.array([class_ids[image.folder] for image in images]), classes)


def read_cifar(root: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read CIFAR-10 or CIFAR-100 (Krizhevsky 2009).

    Args:
        root: The binary version as its author publishes it (`data_batch_*.bin` and `test_batch.bin`, or
            CIFAR-100's `train.bin` and `test.bin`), or image files in `train/CLASS` and `test/CLASS`.
        split: `"train"` or `"test"`.

    Returns:
        uint8 `[N, 3, 32, 32]`, RGB, and int64 `[N]`, the (fine) classes.

    Raises:
        FileNotFoundError: The folder has none of these layouts.
    """
    root = Path(root)
    cifar10 = sorted(root.glob("data_batch_*.bin" if split == "train" else "test_batch.bin"))
    cifar100 = root / f"{split}.bin"
    if cifar10 or cifar100.is_file():
        label_bytes = 1 if cifar10 else 2  # CIFAR-100 has a coarse label before the fine one
        files = cifar10 or [cifar100]
        rows = np.concatenate([np.fromfile(file, np.uint8) for file in files])
        rows = rows.reshape(-1, label_bytes + 3 * 32 * 32)
        return rows[:, label_bytes:].reshape(-1, 3, 32, 32), rows[:, label_bytes - 1].astype(np.int64)
    labelled = read_class_folders(root / split)
    images = np.stack([np.asarray(_resize_to_cifar(image)) for image in labelled.images])
    return images.transpose(0, 3, 1, 2), labelled.targets


def _resize_to_cifar(file: ImageFile) -> Image.Image:
    image = file.image()
    return image if image.size == (32, 32) else image.resize((32, 32), Image.Resampling.BICUBIC)
