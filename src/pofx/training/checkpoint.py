"""Checkpoints of a fit: one safetensors file, written aside and moved into place; nothing is ever unpickled.

The header carries JSON: the state's numbers, what the fit was asked to do (its identity) and a checksum of the tensors.
A checkpoint goes on only the fit that it is of: the same network, recipe, seed and rows. Where it runs (device,
compile, share) may change. Cost: a copy of the tensors in memory, a pass over them and one over the rows for checksums.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from pofx.errors import ReadError, StoreError
from pofx.runs.files import write_bytes
from pofx.training.recipe import Recipe

FORMAT = 1
FREE = ("device", "compile", "share")  # fields of a recipe that say where, not what
REMEDY = "remove the file to begin anew, or name another one"


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `name.`, without it."""
        return {key[len(name) + 1 :]: value for key, value in self.tensors.items() if key.startswith(f"{name}.")}


def identity(recipe: Recipe, seed: int, values: Tensor, weights: Tensor | None) -> dict[str, Any]:
    """What a fit was asked to do, as JSON."""
    data = {"rows": values} if weights is None else {"rows": values, "weights": weights}
    asked = {name: value for name, value in asdict(recipe).items() if name not in FREE}
    return {"recipe": asked, "seed": seed, "data": _checksum(data)}


def write(path: Path, tensors: Mapping[str, Tensor], numbers: dict[str, Any], asked: dict[str, Any]) -> None:
    """Writes a checkpoint, whole or not at all.

    Raises:
        StoreError: the disk is full or the path cannot be written; the checkpoint before it is whole.
    """
    here = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    header = {"format": FORMAT, "identity": asked, "numbers": numbers, "checksum": _checksum(here)}
    try:
        write_bytes(path, to_bytes(here, metadata={"pofx.checkpoint": json.dumps(header)}))
    except ReadError as error:
        kept = "the checkpoint cannot be written" + (", the one before it is whole" if path.exists() else "")
        raise StoreError(kept, got=error.got, remedy=error.remedy, where=str(path)) from None


def read(path: Path, asked: dict[str, Any], network: Mapping[str, Tensor]) -> Saved | None:
    """The checkpoint at `path`; None where there is none.

    Raises:
        StoreError: it is damaged, or of another network, recipe, seed or data.
    """
    try:
        with safe_open(path, framework="pt") as file:
            words = (file.metadata() or {}).get("pofx.checkpoint")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError) as error:
        raise _unusable("the checkpoint is damaged", path, got=str(error)[:120]) from None
    if words is None:
        raise _unusable("this file is not a checkpoint", path)
    header = json.loads(words)
    if header["format"] > FORMAT:
        raise _unusable("the checkpoint was written by a newer version", path, got=f"format {header['format']}")
    saved = Saved(tensors, header["numbers"])
    _same_network(path, saved.part("module"), network)
    _same_question(path, header["identity"], asked)
    if _checksum(tensors) != header["checksum"]:
        raise _unusable("the checkpoint is damaged", path, got="tensors that do not match their checksum")
    return saved


def _same_network(path: Path, found: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> None:
    for name in sorted({*found, *network}):
        got, expected = (f"{name} {_shape(part.get(name))}" for part in (found, network))
        if got != expected:
            raise _unusable("this checkpoint is of another architecture", path, got=got, expected=expected)


def _same_question(path: Path, found: dict[str, Any], asked: dict[str, Any]) -> None:
    if found["recipe"] != asked["recipe"]:
        names = [name for name in asked["recipe"] if found["recipe"].get(name) != asked["recipe"][name]]
        got, expected = (", ".join(f"{name}={part['recipe'].get(name)}" for name in names) for part in (found, asked))
        raise _unusable("this checkpoint is of another recipe", path, got=got, expected=expected)
    if found["seed"] != asked["seed"]:
        raise _unusable("this checkpoint is of another seed", path, got=str(found["seed"]), expected=str(asked["seed"]))
    if found["data"] != asked["data"]:
        raise _unusable("this checkpoint is of other rows or weights", path)


def _shape(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _unusable(what: str, path: Path, **words: str) -> StoreError:
    return StoreError(what, remedy=REMEDY, where=str(path), **words)


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(f"{name} {_shape(tensors[name])}".encode())
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
