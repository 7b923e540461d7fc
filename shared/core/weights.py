"""Weights: from a name to a folder, and from a folder to a network, exactly as it was trained.

A weight folder has the layout of a Hugging Face model repository: `model.safetensors`, `config.json`,
`README.md` (the model card), and `SHA256SUMS` over the first two, as `sha256sum` writes it.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from shared.core import hub
from shared.core.downloads.checksums import file_sha256
from shared.core.front_matter import FrontMatterError, read_licence

if TYPE_CHECKING:
    import torch
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")

ROOT = Path(__file__).resolve().parents[2]
HUB_ORG = os.environ.get("IMAGE_SPACES_HUB_ORG", "image-spaces")
#: True permits the download of any missing weights of ours: whoever names a namespace wants them from there.
ALLOW_HUB = "IMAGE_SPACES_HUB_ORG" in os.environ

WEIGHTS, CONFIG, SUMS = "model.safetensors", "config.json", "SHA256SUMS"
_FETCH = "fetch the folder again"


class WeightsError(RuntimeError):
    """Weights that cannot be used; the text is one sentence with the reason and the fix."""


def find(
    name: str,
    *,
    folder: str | os.PathLike | None = None,
    allow_hub: bool = False,
    revision: str | None = None,
) -> Path:
    """Find the folder of a set of weights.

    The order is: `folder`, `weights/<name>` next to the package, the local cache of the Hub, and, only if
    `allow_hub` or the variable IMAGE_SPACES_HUB_ORG is set, the Hub itself. All but the last send no request.

    Args:
        name: Folder name such as `"edges-rds"`, which is `<HUB_ORG>/edges-rds` on the Hub; or a full
            repository name such as `"someone/something"`, which is searched on the Hub only.
        folder: Path of the weight folder, if it is known.
        allow_hub: True permits the download of missing weights.
        revision: Commit, tag or branch of the repository; a commit is best, since it cannot change.

    Returns:
        An existing folder, whose contents have not been checked.

    Raises:
        WeightsError: There is no such folder or repository, or the Hub cannot be reached.
    """
    if folder is not None:
        if not Path(folder).is_dir():
            raise WeightsError(f"The weights folder {folder} does not exist: check its path.")
        return Path(folder)
    if not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", name, re.ASCII):
        raise WeightsError(f"{name!r} is no name of weights: use one such as edges-rds or someone/something.")
    local = find_local(name, revision)
    if local is not None:
        return local
    repository = _repository(name)
    if not (allow_hub or (ALLOW_HUB and "/" not in name)):
        raise WeightsError(
            f"The weights {name} are not on this machine: get them with `hf download {repository}`."
        )
    try:
        return hub.download(repository, revision)
    except hub.HubError as error:
        raise WeightsError(str(error)) from error


def find_local(name: str, revision: str | None = None) -> Path | None:
    """Find the folder of a set of weights on this machine, as `find` does; None if it is not there.

    Args:
        name: See `find`.
        revision: See `find`.
    """
    embedded = ROOT / "weights" / name
    if "/" not in name and embedded.is_dir():
        return embedded
    return hub.cached(_repository(name), revision)


def _repository(name: str) -> str:
    """Return the repository of a set of weights on the Hub."""
    return name if "/" in name else f"{HUB_ORG}/{name}"


def load(
    network_class: type[Network],
    name: str,
    *,
    folder: str | os.PathLike | None = None,
    allow_hub: bool = False,
    revision: str | None = None,
) -> Network:
    """Load a network with its weights.

    Args:
        network_class: Class that is also a `huggingface_hub.PyTorchModelHubMixin`. The keys of `config.json`
            that its constructor names are passed to it; `read_config` returns all.
        name: See `find`.
        folder: See `find`.
        allow_hub: See `find`.
        revision: See `find`.

    Returns:
        The network on the CPU, in float32 and in eval mode.

    Raises:
        WeightsError: A file is missing, differs from the saved one, or does not fit the network.
    """
    folder = find(name, folder=folder, allow_hub=allow_hub, revision=revision)
    check(folder)
    read_config(folder)
    _silence_hub_mixin()
    try:
        network = cast(Any, network_class).from_pretrained(str(folder), strict=True)
    except Exception as error:  # constructors and checkpoints raise anything
        # PyTorch's own message has a head that says no more than this one.
        reason = str(error).partition("state_dict for ")[2].partition(":")[2] or str(error)
        reason = textwrap.shorten(reason, 200, placeholder=" ...").rstrip(".")
        raise WeightsError(
            f"{_display_path(folder / WEIGHTS)} does not fit {network_class.__name__} ({reason}): "
            "use weights and code of the same version."
        ) from error
    import torch  # deferred: whoever asks only for a folder must not wait for it

    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise WeightsError(f"{_display_path(folder / WEIGHTS)} holds values that are no numbers: {_FETCH}.")
    with suppress(FrontMatterError):  # a card that cannot be read must not keep a network from running
        network.licence = read_licence(folder)  # for the card that `push_to_hub` writes
    return network.float().eval()


def save(
    network: nn.Module,
    name_or_folder: str | os.PathLike,
    *,
    half: bool = True,
    quantized: bool = False,
    config: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a weight folder; an existing model card stays unchanged.

    Args:
        network: Network that is also a `huggingface_hub.PyTorchModelHubMixin`.
        name_or_folder: A bare name, for the folder `weights/<name>`, or a path.
        half: True stores floats as float16, except a tensor beyond its range.
        quantized: True stores large tensors in 8 bits, see `shared.networks.hub_mixin.quantize`.
        config: Additional keys for `config.json`, such as `{"threshold": 0.4}`.
        metadata: Additional texts for the header of the safetensors file, such as the recipe and its seed.

    Returns:
        Path of the folder.

    Raises:
        WeightsError: A weight is not a finite number, as after a training that diverged.
    """
    from safetensors import torch as safetensors  # deferred: it imports torch, which is slow

    from shared.networks.hub_mixin import quantize

    is_name = isinstance(name_or_folder, str) and Path(name_or_folder).name == name_or_folder
    folder = ROOT / "weights" / name_or_folder if is_name else Path(name_or_folder)
    # A tensor that several modules share is stored once, under the first of its names.
    names = {name for name, _ in [*network.named_parameters(), *network.named_buffers()]}
    state = {key: value for key, value in network.state_dict().items() if key in names}
    if quantized:
        state = quantize(state)
    tensors = {key: _as_stored(key, value, half) for key, value in state.items()}
    header = {"format": "pt", "library": "image-spaces", "network": type(network).__name__}

    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{WEIGHTS}"  # a server that has the old file mapped into memory keeps it whole
    draft.write_bytes(safetensors.save(tensors, metadata={**header, **(metadata or {})}))
    os.replace(draft, folder / WEIGHTS)
    _write_config(folder, {**(cast(Any, network)._hub_mixin_config or {}), **(config or {})})
    return folder


def check(folder: str | os.PathLike) -> None:
    """Check that the files of a weight folder are those that were saved.

    Raises:
        WeightsError: `model.safetensors` or `config.json` is missing, or differs from `SHA256SUMS`.
    """
    folder = Path(folder)
    expected = _read_checksums(folder)
    for path in (folder / CONFIG, folder / WEIGHTS):
        if not path.is_file():
            raise WeightsError(f"{_display_path(path)} is missing: {_FETCH}.")
        if path.name not in expected:
            raise WeightsError(f"{_display_path(folder / SUMS)} does not list {path.name}: {_FETCH}.")
        if file_sha256(path) != expected[path.name]:
            advice = _download_again(folder)
            raise WeightsError(f"{_display_path(path)} is not the file that {SUMS} lists: {advice}.")


def digest(folder: str | os.PathLike) -> str:
    """Return the SHA-256 of the weights that a folder lists, which identifies them.

    Raises:
        WeightsError: The folder lists none.
    """
    try:
        return _read_checksums(Path(folder))[WEIGHTS]
    except KeyError:
        raise WeightsError(
            f"{_display_path(Path(folder) / SUMS)} does not list {WEIGHTS}: {_FETCH}."
        ) from None


def read_config(folder: str | os.PathLike) -> dict[str, Any]:
    """Read `config.json` of a weight folder: the constructor's arguments and all additional keys.

    Raises:
        WeightsError: The file is missing or is not a JSON object.
    """
    path = Path(folder) / CONFIG
    try:
        config = json.loads(_read_text(path), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{_display_path(path)} is not JSON ({error}): {_FETCH}.") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{_display_path(path)} must hold a JSON object, not a {type(config).__name__}.")
    return config


def update_config(folder: str | os.PathLike, **keys: Any) -> dict[str, Any]:
    """Set keys of `config.json`, such as a threshold that is measured after the training, and its checksum.

    Args:
        folder: A weight folder.
        **keys: JSON values.

    Returns:
        The new configuration.
    """
    config = {**read_config(folder), **keys}
    _write_config(Path(folder), config)
    return config


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _silence_hub_mixin() -> None:
    """Keep `PyTorchModelHubMixin` from printing a line for each local folder that it loads."""
    from huggingface_hub import hub_mixin  # deferred: it is slow to import

    cast(Any, hub_mixin).print = lambda *_: None


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write `config.json` and then the checksums, which come last so that no half-written folder loads."""
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    lines = [f"{file_sha256(folder / file)}  {file}\n" for file in (CONFIG, WEIGHTS)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _as_stored(name: str, tensor: torch.Tensor, half: bool) -> torch.Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    if not tensor.isfinite().all():
        raise WeightsError(
            f"The tensor {name} holds NaN or infinity: train again with a smaller learning rate."
        )
    halved = tensor.half()
    return halved if half and halved.isfinite().all() else tensor


def _download_again(folder: Path) -> str:
    """Return advice for a folder that is damaged; the cache of the Hub would keep the damaged file."""
    cached = re.search(r"models--([^/\\]+)--([^/\\]+)", str(folder))
    return f"run `hf download --force-download {cached[1]}/{cached[2]}`" if cached else _FETCH


def _read_checksums(folder: Path) -> dict[str, str]:
    """Read the checksums of a folder, by file name."""
    sums = re.findall(r"^([0-9a-f]{64}) [ *](.+)$", _read_text(folder / SUMS), re.MULTILINE)
    return {file: checksum for checksum, file in sums}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise WeightsError(f"{_display_path(path)} is missing: {_FETCH}.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{_display_path(path)} cannot be read ({error}): {_FETCH}.") from error


def _display_path(path: Path) -> str:
    """Return a path for messages, relative to the project's root if it lies inside."""
    resolved = path.resolve()
    return str(resolved.relative_to(ROOT) if resolved.is_relative_to(ROOT) else path.absolute())
