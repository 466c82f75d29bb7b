"""docs/laws.md lists the laws there are, with their numbers and statements; docs/command-line.md the verbs and keys."""

import re
from dataclasses import fields
from pathlib import Path

from pofx.cli.main import VERBS
from pofx.laws.book import LAWS
from pofx.runs.records import ModelRow, Run

DOCS = Path(__file__).parents[2] / "docs"


def test_every_law_is_on_the_page_as_it_is():
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.*) \| (\*?) ?\|$", (DOCS / "laws.md").read_text(), re.MULTILINE)
    listed = {(int(n), name, statement.replace("\\|", "|"), bool(star)) for n, name, statement, star in rows}
    assert listed == {(law.number, law.name, law.statement, law.alone) for law in LAWS}


def test_every_verb_and_key_is_on_the_command_line_page():
    page = (DOCS / "command-line.md").read_text()
    for verb in VERBS:
        assert f"pofx {verb}" in page
    for record in (Run, ModelRow):
        for field in fields(record):
            assert f"`{field.name}`" in page, field.name
