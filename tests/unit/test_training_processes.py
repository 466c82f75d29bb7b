"""Two processes under torchrun train to the weights of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pofx.errors import MissingExtra
from pofx.rng import generator
from pofx.training.history import read_history
from pofx.training.loop import minimise
from pofx.training.plan import Plan
from pofx.training.recipe import Recipe


def trained(folder: Path, name: str, seconds: float | None = None) -> nn.Module:
    """A fit with everything in it; batches of 15 rows do not halve."""
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    random = generator(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=random))
    values = torch.randn(100, 3, generator=random)
    unseen = torch.randn(50, 3, generator=random)
    recipe = Recipe(
        steps=60, batch=15, learning_rate=0.01, average=0.9, clip=0.1, check_every=20, optimiser="muon", device="cpu"
    )
    history = minimise(
        module,
        lambda x, _: (module(x) - x.sin()).pow(2).mean(),
        values,
        recipe=recipe,
        plan=Plan(seconds),
        seed=0,
        validation=lambda: float((module(unseen) - unseen.sin()).pow(2).mean()),
        checkpoint=folder / f"{name}.ckpt",
        history=folder / f"{name}.jsonl",
    )
    assert len(history.losses) == 60
    return module


SCRIPT = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.test_training_processes import trained
from safetensors.torch import save_file
folder = Path({folder!r})
save_file(trained(folder, "two").state_dict(), folder / f"end{{os.environ['RANK']}}")
trained(folder, "timed", seconds=60.0)
"""


@pytest.mark.slow
def test_two_processes_end_in_the_weights_of_one(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    from safetensors.torch import load_file

    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(root=str(Path(__file__).parents[2]), folder=str(tmp_path)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(torchrun, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    alone = trained(tmp_path, "one").state_dict()
    for rank in (0, 1):
        end = load_file(tmp_path / f"end{rank}")
        for name, value in alone.items():
            torch.testing.assert_close(end[name], value, rtol=1e-5, atol=1e-5)
    one, two = (read_history(tmp_path / f"{name}.jsonl") for name in ("one", "two"))
    assert [check.step for check in two] == [0, 20, 40, 60]
    assert [check.validation for check in two] == pytest.approx([check.validation for check in one], abs=1e-5)
    assert [check.loss for check in two[1:]] == pytest.approx([check.loss for check in one[1:]], abs=1e-5)


def test_several_processes_without_fabric_are_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MissingExtra, match=r"pip install pofx\[training\]"):
        trained(tmp_path, "none")
