"""GPT-2 weights as Hugging Face writes them, as a model of symbols.

Files are safetensors with the names of the published checkpoints (`wte.weight`, `h.0.attn.c_attn.weight` and so on,
with or without `transformer.` before them) and matrices that stand the other way round than in `nn.Linear`. The last
code, 50256 in GPT-2's own vocabulary, is <|endoftext|>: the end mark, and the start mark. Sizes are those of the
tensors; the number of heads comes from `config.json` beside the file, and is one for every 64 numbers without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pofx.codecs.tokens.pairs import read_pairs
from pofx.core.coded import coded
from pofx.core.contract import Model
from pofx.errors import StoreError
from pofx.models.gpt.estimator import GPT
from pofx.models.gpt.model import GPTModel
from pofx.spaces.symbols import Symbols
from pofx.spaces.text import Text

EACH = 64  # numbers of a head in all published sizes
PREFIX = "transformer."
LAYERS = {
    "ln_1": "before_attention", "attn.c_attn": "both", "attn.c_proj": "out",
    "ln_2": "before_feed", "mlp.c_fc": "wide", "mlp.c_proj": "narrow",
}  # fmt: skip
FIXED = {  # what GPT-2 is; other settings are other models
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"), "layer_norm_epsilon": (1e-5,),
    "scale_attn_by_inverse_layer_idx": (False,), "scale_attn_weights": (True,), "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}  # fmt: skip


def load_gpt2(path: str | Path, *, vocabulary: int | None = None, ends: bool = True) -> GPTModel:
    """A GPT-2 checkpoint as a model.

    Args:
        path: a safetensors file, or a folder with `model.safetensors`.
        vocabulary: symbols of the tokeniser that goes with it, the end mark counted; checked where given.
        ends: whether outcomes are whole sequences or passages of a stream.

    Raises:
        StoreError: a file that is missing, damaged or of another architecture, or a tokeniser that does not fit.
    """
    file = Path(path) / "model.safetensors" if Path(path).is_dir() else Path(path)
    tensors = _read(file)
    config = _config(file)
    codes, width = tensors["wte.weight"].shape
    if vocabulary is not None and vocabulary != codes:
        raise StoreError(
            "the tokeniser does not fit the checkpoint", got=f"a vocabulary of {vocabulary}", expected=f"{codes}",
            remedy="take the tokeniser that came with it", where=str(file),
        )  # fmt: skip
    layers = 1 + max((int(name.split(".")[1]) for name in tensors if name.startswith("h.")), default=-1)
    recipe = GPT(
        kind="gpt2", context=len(tensors["wpe.weight"]), width=width, layers=layers,
        heads=int(config.get("n_head", max(1, width // EACH))), steps=0,
    )  # fmt: skip
    model = GPTModel(Symbols(codes - 1, ends=ends), recipe)
    _fill(model, _renamed(tensors, layers), file)
    return model.eval()


def read_gpt2(path: str | Path, *, tokeniser: str | Path | None = None, ends: bool = True) -> Model:
    """A GPT-2 checkpoint as a model of texts: a lower bound, as its tokeniser cuts a text in one of many ways.

    Args:
        path: a safetensors file, or a folder with `model.safetensors`.
        tokeniser: a tokenizer.json, or a folder with vocab.json and merges.txt (or encoder.json and vocab.bpe); that
            of the checkpoint when None.
        ends: whether outcomes are whole texts or passages of a stream.
    """
    beside = Path(path) if Path(path).is_dir() else Path(path).parent
    codec = read_pairs(Text(ends), beside if tokeniser is None else Path(tokeniser))
    return coded(codec, load_gpt2(path, vocabulary=codec.size + 1, ends=ends))


def _read(file: Path) -> dict[str, Tensor]:
    try:
        found = load_file(file)
    except FileNotFoundError:
        raise StoreError("there is no such checkpoint", where=str(file)) from None
    except (SafetensorError, OSError) as error:
        raise StoreError("the checkpoint is damaged", got=str(error)[:120], where=str(file)) from None
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in found.items()}
    head = tensors.pop("lm_head.weight", None)
    for name in ("wte.weight", "wpe.weight"):
        if name not in tensors or tensors[name].ndim != 2:
            raise StoreError("this is no GPT-2 checkpoint", got=f"no table {name}", where=str(file))
    if head is not None and not torch.equal(head, tensors["wte.weight"]):
        raise StoreError("this is no GPT-2 checkpoint", got="a head of its own", expected="wte.weight", where=str(file))
    return tensors


def _config(file: Path) -> Mapping[str, Any]:
    beside = file.with_name("config.json")
    if not beside.exists():
        return {}
    try:
        config = json.loads(beside.read_text())
    except (OSError, ValueError) as error:
        raise StoreError("the configuration cannot be read", got=str(error)[:120], where=str(beside)) from None
    if not isinstance(config, dict):
        raise StoreError("the configuration cannot be read", expected="a JSON object", where=str(beside))
    for name, right in FIXED.items():
        if config.get(name, right[0]) not in right:
            raise StoreError(
                "this is another architecture than GPT-2's", got=f"{name}={config[name]}", expected=str(right[0]),
                where=str(beside),
            )  # fmt: skip
    return config


def _renamed(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Under the names of our network, matrices the right way round; masks that old files hold are left out."""
    names = {"wte": "symbols", "wpe": "places", "ln_f": "final"}
    for layer in range(layers):
        names.update({f"h.{layer}.{theirs}": f"blocks.{layer}.{ours}" for theirs, ours in LAYERS.items()})
    found = {}
    for name, tensor in tensors.items():
        stem, _, last = name.rpartition(".")
        if stem in names:
            turned = tensor.ndim == 2 and stem.startswith("h.")
            found[f"{names[stem]}.{last}"] = (tensor.T if turned else tensor).float()
    return found


def _fill(model: GPTModel, found: Mapping[str, Tensor], file: Path) -> None:
    wanted = model.net.state_dict()
    for name, tensor in wanted.items():
        got = found.get(name)
        if got is None or got.shape != tensor.shape:
            said = "nothing" if got is None else str(list(got.shape))
            raise StoreError(
                "this is no GPT-2 checkpoint", got=f"{said} for {name}", expected=str(list(tensor.shape)),
                where=str(file),
            )  # fmt: skip
    model.net.load_state_dict(dict(found))
