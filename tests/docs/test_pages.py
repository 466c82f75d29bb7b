"""Every command and every Python block of the README and the quickstart runs; add-a-model is executed and examined."""

import re
import shlex
import sys
import types
from pathlib import Path

import pytest

from pofx.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/quickstart.md", "docs/networks.md", "docs/autoregressive.md"]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reader")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for words in commands(page):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words[0] == "pofx":
            if words[1] == "demo" and (folder / "demo" / "wine.csv").exists():
                continue  # one page's demo serves the other
            assert main(words[1:]) == 0, " ".join(words)
        else:
            assert words[:2] == ["pip", "install"]
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), {"__name__": "page"})


def test_add_a_model_works_as_written(monkeypatch):
    from pofx.core import registry
    from pofx.laws.doctor import examine

    (block,) = blocks("docs/add-a-model.md", "python")
    registry.estimators()
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    module = types.ModuleType("isotropic")
    monkeypatch.setitem(sys.modules, "isotropic", module)  # dataclasses look their module up
    exec(compile(block, "add-a-model", "exec"), module.__dict__)
    findings = examine(registry.estimator("isotropic")())
    failed = [finding for finding in findings if not finding.passed]
    assert findings and [finding.check for finding in failed] == ["gain"], failed  # as the page says
