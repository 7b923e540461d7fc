"""Readers of recognition's data sets, on small copies in their layouts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.image_files import ImageFile
from shared.recognition.data.caltech import IMAGENET_CLASSES, correct_classes, read_caltech_imagenet
from shared.recognition.data.cifar_whitening import contrast_normalize, zca_whiten
from shared.recognition.data.datasets import (
    CAMVID_CLASSES,
    VOC_CLASSES,
    VOID,
    read_cifar,
    read_class_folders,
    read_segmentation_dataset,
)
from shared.recognition.data.imagenet import UNLABELLED, class_ids, correct_by_name


def test_images_of_imagenet_are_labelled_by_synsets_and_words():
    names = ["n02510455_giant_panda.JPEG", "n01440764/12.jpg", "school_bus.webp", "holiday.jpg", "dog.png"]
    images = [ImageFile(Path(name)) for name in names]
    assert class_ids(images).tolist() == [388, 0, UNLABELLED, UNLABELLED, UNLABELLED]
    correct = correct_by_name(images)
    assert correct.sum(1).tolist() == [1, 1, 1, 0, 118]
    assert correct[:3].float().argmax(1).tolist() == [388, 0, 779]


def save(path, value, size=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def test_segmentation_sets_in_the_layouts_of_voc_and_camvid(tmp_path):
    save(tmp_path / "voc/images/val/a.png", "red")
    save(tmp_path / "voc/labels/val/a.png", 15, mode="L")
    save(tmp_path / "voc/images/val/without_annotation.png", "red")
    save(tmp_path / "camvid/val/a.png", "red")
    save(tmp_path / "camvid/valannot/a.png", 11, mode="L")
    save(tmp_path / "pseudo/images/a.png", "red")
    save(tmp_path / "pseudo/labels/a.png", VOID, mode="L")
    voc, camvid, pseudo = (
        read_segmentation_dataset(tmp_path / name, "val") for name in ("voc", "camvid", "pseudo")
    )
    assert (voc.classes, camvid.classes, pseudo.classes) == (VOC_CLASSES, CAMVID_CLASSES, VOC_CLASSES)
    assert (len(VOC_CLASSES), len(CAMVID_CLASSES)) == (21, 11)
    assert [len(dataset.images) for dataset in (voc, camvid, pseudo)] == [1, 1, 1]
    assert (voc.ids(voc.images[0]) == VOC_CLASSES.index("person")).all()
    assert (camvid.ids(camvid.images[0]) == VOID).all()
    with pytest.raises(FileNotFoundError, match="neither labels/test nor testannot"):
        read_segmentation_dataset(tmp_path / "voc/images", "test")


def test_class_folders(tmp_path):
    for name in ("b/2.jpg", "a/1.jpg", "b/1.jpg", "skipped/1.jpg", "b/deeper/3.jpg"):
        save(tmp_path / name, "red")
    labelled = read_class_folders(tmp_path, skip=["skipped"])
    assert labelled.classes == ("a", "b")
    assert [f"{image.folder}/{image.name}" for image in labelled.images] == ["a/1", "b/1", "b/2"]
    assert labelled.targets.tolist() == [0, 1, 1]
    part = labelled.part([2, 0])
    assert [image.name for image in part.images] == ["2", "1"]
    assert part.targets.tolist() == [1, 0]
    with pytest.raises(FileNotFoundError):
        read_class_folders(tmp_path / "a")


def test_cifar_in_binary_and_in_image_files(tmp_path):
    pixels = np.arange(2 * 3072).reshape(2, 3072) % 256
    cifar10, cifar100, image_files = tmp_path / "ten", tmp_path / "hundred", tmp_path / "pictures"
    for folder in (cifar10, cifar100):
        folder.mkdir()
    np.hstack([[[7], [3]], pixels]).astype(np.uint8).tofile(cifar10 / "data_batch_1.bin")
    np.hstack([[[7], [3]], pixels]).astype(np.uint8).tofile(cifar10 / "data_batch_2.bin")
    np.hstack([[[1, 70], [2, 30]], pixels]).astype(np.uint8).tofile(cifar100 / "test.bin")
    images, targets = read_cifar(cifar10, "train")
    assert images.shape == (4, 3, 32, 32)
    assert targets.tolist() == [7, 3, 7, 3]
    assert (images[0, 1, 0, :3] == [0, 1, 2]).all()  # the green plane starts after 1024 bytes, 0 modulo 256
    assert read_cifar(cifar100, "test")[1].tolist() == [70, 30]
    save(image_files / "test/cat/1.png", (1, 2, 3), size=(32, 32))
    save(image_files / "test/dog/1.png", (4, 5, 6), size=(64, 64))
    images, targets = read_cifar(image_files, "test")
    assert images[:, :, 5, 5].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert targets.tolist() == [0, 1]


def test_classes_of_caltech_that_imagenet_has(tmp_path):
    for name in ("pizza/image_0001", "pizza/image_0002", "brain/image_0001", "ant/image_0001"):
        save(tmp_path / f"{name}.jpg", "red")
    labelled = read_caltech_imagenet(tmp_path)
    assert [image.folder for image in labelled.images] == ["ant", "pizza", "pizza"]
    assert [image.name for image in read_caltech_imagenet(tmp_path, skip_per_class=1).images] == [
        "image_0002"
    ]
    labels = sorted({name for names in IMAGENET_CLASSES.values() for name in names})
    mask = correct_classes(labelled, labels)
    assert mask.dtype == torch.bool
    assert [[labels[i] for i in row.nonzero().flatten()] for row in mask] == [["ant"], ["pizza"], ["pizza"]]
    with pytest.raises(ValueError, match="no class pizza"):
        correct_classes(labelled, [name for name in labels if name != "pizza"])


def test_contrast_normalization():
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), np.uint8)
    flat = contrast_normalize(images).reshape(3, -1)
    np.testing.assert_allclose(flat.mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 55, rtol=1e-4)
    assert (contrast_normalize(np.full((1, 3, 2, 2), 9, np.uint8)) == 0).all()


def test_whitened_images_have_no_correlations():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(4000, 1, 2, 2)) @ np.array([[3.0, 1.0], [0.0, 1.0]]) + 5
    (white,) = zca_whiten(images, images, bias=1e-6)
    assert white.dtype == np.float32
    np.testing.assert_allclose(np.cov(white.reshape(4000, 4), rowvar=False), np.eye(4), atol=0.01)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-3)
