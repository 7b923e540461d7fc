"""Readers of recognition's data sets, on small copies in their layouts."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.recognition.data.caltech import PARTNERS, allowed, read_partners
from shared.recognition.data.cifar_whitening import contrast_normalise, zca
from shared.recognition.data.datasets import (
    CAMVID_CLASSES,
    VOC_CLASSES,
    VOID,
    read_cifar,
    read_class_folders,
    read_masks,
)


def save(path, value, size=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def test_masks_of_voc_and_camvid(tmp_path):
    save(tmp_path / "voc/images/val/a.png", "red")
    save(tmp_path / "voc/labels/val/a.png", 15, mode="L")
    save(tmp_path / "voc/images/val/alone.png", "red")
    save(tmp_path / "camvid/val/a.png", "red")
    save(tmp_path / "camvid/valannot/a.png", 11, mode="L")
    save(tmp_path / "made/images/a.png", "red")
    save(tmp_path / "made/labels/a.png", VOID, mode="L")
    voc, camvid, made = (read_masks(tmp_path / name, "val") for name in ("voc", "camvid", "made"))
    assert (voc.classes, camvid.classes, made.classes) == (VOC_CLASSES, CAMVID_CLASSES, VOC_CLASSES)
    assert (len(VOC_CLASSES), len(CAMVID_CLASSES)) == (21, 11)
    assert [len(masks.pairs) for masks in (voc, camvid, made)] == [1, 1, 1]
    assert (voc.ids(voc.pairs[0]) == VOC_CLASSES.index("person")).all()
    assert (camvid.ids(camvid.pairs[0]) == VOID).all()
    with pytest.raises(FileNotFoundError, match="neither labels/test nor testannot"):
        read_masks(tmp_path / "voc/images", "test")


def test_a_folder_is_a_class(tmp_path):
    for name in ("b/2.jpg", "a/1.jpg", "b/1.jpg", "skipped/1.jpg", "b/deeper/3.jpg"):
        save(tmp_path / name, "red")
    found = read_class_folders(tmp_path, skip=["skipped"])
    assert found.classes == ("a", "b")
    assert [f"{photo.folder}/{photo.name}" for photo in found.images] == ["a/1", "b/1", "b/2"]
    assert found.targets.tolist() == [0, 1, 1]
    part = found.part([2, 0])
    assert [photo.name for photo in part.images] == ["2", "1"]
    assert part.targets.tolist() == [1, 0]
    with pytest.raises(FileNotFoundError):
        read_class_folders(tmp_path / "a")


def test_cifar_as_published_and_as_pictures(tmp_path):
    pixels = np.arange(2 * 3072, dtype=np.int64).reshape(2, 3072).astype(np.uint8)
    ten, hundred, pictures = tmp_path / "10", tmp_path / "100", tmp_path / "pictures"
    for folder in (ten, hundred):
        folder.mkdir()
    np.hstack([[[7], [3]], pixels]).astype(np.uint8).tofile(ten / "data_batch_1.bin")
    np.hstack([[[7], [3]], pixels]).astype(np.uint8).tofile(ten / "data_batch_2.bin")
    np.hstack([[[1, 70], [2, 30]], pixels]).astype(np.uint8).tofile(hundred / "test.bin")
    x, y = read_cifar(ten, "train")
    assert x.shape == (4, 3, 32, 32)
    assert y.tolist() == [7, 3, 7, 3]
    assert (
        x[0, 1, 0, :3] == [0, 1, 2]
    ).all()  # the green plane starts after 1024 bytes: 1024 is 0 modulo 256
    assert read_cifar(hundred, "test")[1].tolist() == [70, 30]
    save(pictures / "test/cat/1.png", (1, 2, 3), size=(32, 32))
    save(pictures / "test/dog/1.png", (4, 5, 6), size=(64, 64))
    x, y = read_cifar(pictures, "test")
    assert x[:, :, 5, 5].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert y.tolist() == [0, 1]


def test_partners_of_caltech(tmp_path):
    for name in ("pizza/image_0001", "pizza/image_0002", "brain/image_0001", "ant/image_0001"):
        save(tmp_path / f"{name}.jpg", "red")
    everything = read_partners(tmp_path)
    assert [photo.folder for photo in everything.images] == ["ant", "pizza", "pizza"]
    assert [photo.name for photo in read_partners(tmp_path, first=1).images] == ["image_0002"]
    labels = sorted({name for names in PARTNERS.values() for name in names})
    right = allowed(everything, labels)
    assert right.dtype == torch.bool
    assert [[labels[i] for i in row.nonzero().flatten()] for row in right] == [["ant"], ["pizza"], ["pizza"]]
    with pytest.raises(ValueError, match="no class pizza"):
        allowed(everything, [name for name in labels if name != "pizza"])


def test_contrast_normalisation():
    x = contrast_normalise(np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), np.uint8))
    flat = x.reshape(3, -1)
    np.testing.assert_allclose(flat.mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 55, rtol=1e-4)
    assert (contrast_normalise(np.full((1, 3, 2, 2), 9, np.uint8)) == 0).all()


def test_whitened_pictures_have_no_correlations():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 1, 2, 2)) @ np.array([[3.0, 1.0], [0.0, 1.0]]) + 5
    (white,) = zca(x, x, bias=1e-6)
    assert white.dtype == np.float32
    np.testing.assert_allclose(np.cov(white.reshape(4000, 4), rowvar=False), np.eye(4), atol=0.01)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-3)
