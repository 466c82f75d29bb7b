"""Many recordings to one row of whole numbers; what does not fit is counted, then refused.

Memory: the numbers themselves (two bytes a sample up to 16 bits, four above), an eighth more while they are gathered,
and one block of one recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pofx.data.images.picture import Remarks
from pofx.data.reading.progress import told
from pofx.data.sounds.convert import Wish
from pofx.data.sounds.entries import Entry
from pofx.data.sounds.loudness import Loudness
from pofx.data.sounds.recording import Broken, Form, opened
from pofx.errors import ReadError
from pofx.training.recorder import Recorder

SHOWN = 3  # names listed in an error


class Gathering:
    """Takes recordings one by one, keeps them while they are alike, and words the refusal where they are not."""

    def __init__(self, wish: Wish, where: str) -> None:
        self.wish, self.where = wish, where
        self.names: list[str] = []
        self.ends: list[int] = []
        self.forms: dict[Form, list[str]] = {}
        self.values = np.empty(0, dtype=np.int16)
        self.used = 0
        self.loudness = Loudness()
        self.fine = False  # whether some value needs more than 16 bits
        self.remarks = Remarks()

    def add(self, entry: Entry) -> None:
        """The next recording, in the form that is asked for.

        Raises:
            Broken: it cannot be read; nothing of it is kept.
        """
        remarks, start = Remarks(), self.used
        with opened(entry, remarks) as recording:
            form = self.wish.form(recording.form)
            self.forms.setdefault(form, [])
            try:
                if len(self.forms) == 1:  # else it will be refused: only counting goes on
                    self._keep(self.wish.changed(recording.blocks(remarks), recording.form), form)
            except Broken:
                self.used = start
                if not self.forms[form]:
                    del self.forms[form]
                raise
        self.forms[form].append(entry.name)
        self.names.append(entry.name)
        self.ends.append(self.used)
        for what in [*remarks.counts, *self.wish.told(recording.form)]:
            self.remarks.add(what, entry.name)

    def _keep(self, blocks: Iterator[np.ndarray], form: Form) -> None:
        start = self.used
        for block in blocks:
            self._append(block.reshape(-1))
            self.fine = self.fine or bool((block & 255).any())
        self.loudness.add(self.values[start : self.used], form)

    def _append(self, flat: np.ndarray) -> None:
        """Grown in place: what has been gathered is moved by the system, not copied."""
        need = self.used + len(flat)
        if flat.dtype.itemsize > self.values.dtype.itemsize:
            self.values = self.values.astype(flat.dtype)
        if need > len(self.values):
            self.values.resize(max(need, self.used + self.used // 8, 4096), refcheck=False)
        self.values[self.used : need] = flat
        self.used = need

    def finish(self) -> tuple[np.ndarray, Form]:
        """All samples one after the other, and their form.

        Raises:
            ReadError: different rates, channels or bits; with counts and the odd ones named.
        """
        for what in ("rate", "channels", "bits"):
            groups: dict[int, list[str]] = {}
            for form, names in self.forms.items():
                groups.setdefault(getattr(form, what), []).extend(names)
            if len(groups) > 1:
                raise _mixed(what, groups, self.where)
        form = next(iter(self.forms))
        self.values.resize(self.used, refcheck=False)
        if all(form.wide for form in self.forms) and not self.fine:
            return (self.values >> 8).astype(np.int16), replace(form, bits=16)
        return self.values, form


def gather(
    entries: list[Entry], wish: Wish, skip_broken: bool, notes: list[str], where: str, recorder: Recorder
) -> tuple[Gathering, np.ndarray, Form]:
    """The recordings of files: who they are, their samples, their form.

    Raises:
        ReadError: broken ones, named and counted, unless they are to be skipped; or what `Gathering` refuses.
    """
    gathering, broken = Gathering(wish, where), dict[str, str]()
    for entry in told(entries, "reading sounds", recorder):
        try:
            gathering.add(entry)
        except Broken as error:
            broken[entry.name] = str(error)
    if broken and (not skip_broken or len(broken) == len(entries)):
        raise _refused(broken, len(entries), where)
    if broken:
        first = next(iter(broken.items()))
        notes.append(f"{len(broken):,} of {len(entries):,} are broken and skipped, e.g. {first[0]}: {first[1]}")
    values, form = gathering.finish()
    lines = [*gathering.remarks.lines(len(gathering.names)), *gathering.loudness.lines(gathering.names)]
    notes.extend(lines)
    if any("resampled" in line for line in lines):
        notes.append("probabilities are those of the resampled wave, not of the wave as recorded")
    return gathering, values, form


def _mixed(what: str, groups: dict[int, list[str]], where: str) -> ReadError:
    unit = {"rate": "Hz", "channels": "channels", "bits": "bits"}[what]
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    words = [f"{len(ordered[0][1]):,} of {ordered[0][0]} {unit}"]
    words += [f"{len(names):,} of {value} {unit} ({_some(names)})" for value, names in ordered[1:4]]
    remedies = {
        "rate": f"rate={ordered[0][0]} resamples them to one",
        "channels": "mono=True mixes each to one channel",
        "bits": "write them with one depth, or keep the odd ones in a folder of their own",
    }
    return ReadError(
        f"the recordings have different {what if what != 'rate' else 'rates'}",
        got=", ".join(words) + (f", and {len(ordered) - 4} more" if len(ordered) > 4 else ""),
        expected="one for all",
        remedy=remedies[what],
        where=where,
    )


def _refused(broken: dict[str, str], total: int, where: str) -> ReadError:
    names = list(broken)
    what = "a recording is broken" if len(names) == 1 else f"{len(names):,} recordings of {total:,} are broken"
    skip = ", or leave " + ("it" if len(names) == 1 else "them") + " out with skip_broken=True"
    return ReadError(
        what,
        got=f"{_some(names)}: {broken[names[0]]}",
        remedy="mend or remove " + ("it" if len(names) == 1 else "them") + (skip if len(names) < total else ""),
        where=where,
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
