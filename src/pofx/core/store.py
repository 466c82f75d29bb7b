"""Models to files and back: one safetensors file, whose header carries the JSON description. Nothing is ever unpickled.

What is written: constructor arguments (numbers, strings, tuples, spaces, codecs, estimators, models, tensors) and any
further tensors of the module's state. What is read back: only classes that pofx knows, by name.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from pofx.codecs import dequantize, whole  # noqa: F401  # that a fresh process knows what a file may hold
from pofx.codecs.base import Codec, ColumnCodec
from pofx.core.contract import Model
from pofx.core.estimator import Estimator
from pofx.core.registry import estimators
from pofx.errors import PofxError, StoreError
from pofx.runs.files import write_bytes
from pofx.spaces.base import Space

FORMAT = 1
_RECORDS = (Space, Codec, ColumnCodec, Estimator)


def save(model: Model, path: str | Path) -> None:
    """Write a model to one file, aside and then moved into place."""
    tensors: dict[str, Tensor] = {}
    description = describe(model, tensors, "")
    header = {"pofx": json.dumps({"format": FORMAT, "model": description}), "format": "pt"}
    contiguous = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    write_bytes(path, to_bytes(contiguous, metadata=header))


def load(path: str | Path) -> Model:
    """Read a model; a damaged, foreign or newer file raises `StoreError` in one line."""
    where = str(path)
    try:
        with safe_open(where, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
    except FileNotFoundError:
        raise StoreError("there is no such model file", where=where) from None
    except IsADirectoryError:
        raise StoreError("a directory is not a model file", where=where) from None
    except (SafetensorError, OSError) as error:
        raise StoreError("the model file is damaged", got=str(error)[:120], remedy="fit again", where=where) from None
    if "pofx" not in header:
        raise StoreError("the file is not a pofx model", got="safetensors without a description", where=where)
    document = json.loads(header["pofx"])
    if document.get("format", 0) > FORMAT:
        raise StoreError(
            "the model was written by a newer version",
            got=f"format {document['format']}",
            expected=f"format {FORMAT} or older",
            remedy="pip install --upgrade pofx",
            where=where,
        )
    try:
        model = restore(document["model"], tensors)
    except PofxError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StoreError("the model file is damaged", got=str(error)[:120], remedy="fit again", where=where) from None
    assert isinstance(model, Model)
    return model.eval()


def describe(value: Any, tensors: dict[str, Tensor], at: str = "") -> Any:
    """A value as JSON; its tensors go to `tensors` under dotted names."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else {"float": str(value)}
    if isinstance(value, list | tuple | torch.nn.ModuleList):
        return [describe(item, tensors, f"{at}.{k}") for k, item in enumerate(value)]
    if isinstance(value, dict):
        return {"dict": {str(key): describe(item, tensors, f"{at}.{key}") for key, item in value.items()}}
    if isinstance(value, Tensor):
        tensors[at] = value
        return {"tensor": at}
    if isinstance(value, Model):
        return _describe_model(value, tensors, at)
    if isinstance(value, _RECORDS) and is_dataclass(value):
        arguments = {f.name: describe(getattr(value, f.name), tensors, f"{at}.{f.name}") for f in fields(value)}
        return {"is": type(value).__name__, "with": arguments}
    raise StoreError(
        f"a {type(value).__name__} cannot be stored",
        expected="numbers, words, tensors, spaces, codecs, estimators and models",
        where=f"the model's argument '{at.lstrip('.')}'",
    )


def _describe_model(model: Model, tensors: dict[str, Tensor], at: str) -> dict[str, Any]:
    arguments = {name: describe(getattr(model, name), tensors, f"{at}.{name}") for name in _arguments(model)}
    state = _own_state(model)
    for key, value in state.items():
        tensors[f"{at}:{key}"] = value
    return {"is": type(model).__name__, "with": arguments, "state": {key: f"{at}:{key}" for key in state}}


def restore(record: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `describe`; lists come back as tuples."""
    if isinstance(record, list):
        return tuple(restore(item, tensors) for item in record)
    if not isinstance(record, dict):
        return record
    if "float" in record:
        return float(record["float"])
    if "dict" in record:
        return {key: restore(item, tensors) for key, item in record["dict"].items()}
    if "tensor" in record:
        return tensors[record["tensor"]]
    made = _known(record["is"])(**{key: restore(item, tensors) for key, item in record["with"].items()})
    if isinstance(made, Model):
        _fill(made, {key: tensors[name] for key, name in record.get("state", {}).items()})
    return made


def _fill(model: Model, state: dict[str, Tensor]) -> None:
    """Tensors that are no constructor arguments; all of them and no others, or the weights would be untrained ones."""
    wanted = {key: tensor.shape for key, tensor in _own_state(model).items()}
    if wanted != {key: tensor.shape for key, tensor in state.items()}:
        raise StoreError(
            f"the weights of this {type(model).__name__} are not those that this version of pofx stores",
            got=f"{len(state)} tensors",
            expected=f"{len(wanted)}, of the same names and shapes",
            remedy="fit again, or read it with the version that wrote it",
        )
    model.load_state_dict(state, strict=False)


def _own_state(model: Model) -> dict[str, Tensor]:
    """The tensors of the state that no constructor argument brings."""
    names = _arguments(model)
    return {key: value for key, value in model.state_dict().items() if key.split(".")[0] not in names}


def _arguments(model: Model) -> list[str]:
    return [name for name in inspect.signature(type(model).__init__).parameters if name != "self"]


def _known(name: str) -> type:
    estimators()  # makes sure that every model's module is there
    for base in (*_RECORDS, Model):
        for kind in _descendants(base):
            if kind.__name__ == name:
                return kind
    raise StoreError(
        f"the file holds a '{name}', which this version does not know",
        remedy="pip install --upgrade pofx, or install the package that the model came from",
    )


def _descendants(base: type) -> list[type]:
    direct: list[type] = base.__subclasses__()
    return direct + [kind for child in direct for kind in _descendants(child)]
