"""Repositories of diffusion pipelines on the Hub: the files that a pipeline needs and no others.

Such repositories often hold their networks several times: as one large file, in half precision, as pickles.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.core import hub
from shared.core.weights import WeightsError

#: Packages that pipelines need: `pip install image-spaces[hub]`.
PACKAGES = ("diffusers", "transformers", "accelerate")
#: Names of weight files, without their extension: those of diffusers and of transformers.
STEMS = ("diffusion_pytorch_model", "model")
TEXTS = ("*.json", "*.txt", "*.jinja")


@dataclass(frozen=True)
class PipelineRepository:
    """Repository of a pipeline, or of a single network of one.

    Attributes:
        name: Name such as `"someone/something"`.
        revision: Commit, tag or branch; None is the main branch. A commit is best, since it cannot change.
        networks: Folders of networks; `""` for a network at the top of the repository.
        configurations: Folders of components without weights, such as the tokenizer.
        variant: Infix of the weight files, such as `"fp16"` for half precision; None for those without.
        parameters: Number of weights of the whole pipeline, to check the memory before a download.
        packages: Packages that run it.
    """

    name: str
    revision: str | None
    networks: tuple[str, ...]
    configurations: tuple[str, ...] = ()
    variant: str | None = None
    parameters: int = 0
    packages: tuple[str, ...] = PACKAGES

    def find(self, folder: str | os.PathLike | None = None, *, allow_hub: bool = False) -> Path:
        """Find the files: in a known folder, in the local cache, or, if it is allowed, on the Hub.

        Args:
            folder: Folder in the layout of the repository, if it is known.
            allow_hub: True permits the download of missing files; those that are there are not fetched again.

        Raises:
            WeightsError: Files are missing, or the Hub cannot be reached.
        """
        if folder is not None:
            path = Path(folder)
            if not path.is_dir():
                raise WeightsError(f"The weights folder {folder} does not exist: check its path.")
        else:
            path = self._find_cached() or self._download(allow_hub)
        missing = self._missing(path)
        if missing is not None:
            raise WeightsError(f"{self.name} has no {missing}: only safetensors files are read.")
        return path

    def is_cached(self) -> bool:
        """Return True if all files are in the local cache, which takes no request."""
        return self._find_cached() is not None

    def patterns(self) -> list[str]:
        """Return patterns of the files that are fetched, in the form of `fnmatch`."""
        texts = [_join(folder, text) for folder in (*self.configurations, *self.networks) for text in TEXTS]
        files = [_join(folder, name) for folder in self.networks for name in self._weight_names()]
        return [*texts, *files]

    def _find_cached(self) -> Path | None:
        path = hub.cached(self.name, self.revision, self.patterns())
        return None if path is None or self._missing(path) else path

    def _download(self, allow_hub: bool) -> Path:
        if not allow_hub:
            raise WeightsError(f"The weights {self.name} are not on this machine: allow their download.")
        try:
            return hub.download(self.name, self.revision, self.patterns())
        except hub.HubError as error:
            raise WeightsError(str(error)) from error

    def _weight_names(self) -> list[str]:
        infix = f".{self.variant}" if self.variant else ""
        return [f"{stem}{shard}{infix}.safetensors" for stem in STEMS for shard in ("", "-*-of-*")]

    def _missing(self, path: Path) -> str | None:
        """Return the first folder or file that is not there; None if all are."""
        for folder in self.configurations:
            if not (path / folder).is_dir():
                return folder
        for folder in self.networks:
            files = self._weight_files(path / folder)
            if not files:
                return f"{_join(folder, STEMS[0])}.safetensors"
            for file in files:
                if not file.is_file():
                    return str(file.relative_to(path))
        return None

    def _weight_files(self, folder: Path) -> list[Path]:
        """Return the weight file of a network, or all that its index lists; none if there is neither."""
        infix = f".{self.variant}" if self.variant else ""
        for stem in STEMS:
            file = folder / f"{stem}{infix}.safetensors"
            if file.is_file():
                return [file]
            index = folder / f"{stem}.safetensors.index{infix}.json"
            if index.is_file():
                shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
                return [folder / shard for shard in sorted(set(shards))]
        return []

    def count_parameters(self, path: Path) -> int:
        """Count the numbers in all weight files.

        Args:
            path: From `find`.

        Raises:
            WeightsError: A file is cut short or is no safetensors file.
        """
        files = [file for folder in self.networks for file in self._weight_files(path / folder)]
        return sum(math.prod(shape) for file in files for shape in read_shapes(file))


def check_packages(packages: tuple[str, ...] = PACKAGES) -> None:
    """Check that packages are installed, without the seconds that their import takes.

    Raises:
        WeightsError: One is missing.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise WeightsError(f"This engine needs the package {package}: pip install image-spaces[hub]")


def read_shapes(file: Path) -> Iterator[list[int]]:
    """Read the shapes of all tensors from the header of a safetensors file.

    Raises:
        WeightsError: The file is cut short or is no safetensors file.
    """
    try:
        with open(file, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > file.stat().st_size:
                raise ValueError("no header")
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        if 8 + length + max(entry["data_offsets"][1] for entry in header.values()) != file.stat().st_size:
            raise ValueError("cut short")
        yield from (entry["shape"] for entry in header.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{file} is cut short or no safetensors file: delete it, and it will be downloaded again."
        ) from error


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
