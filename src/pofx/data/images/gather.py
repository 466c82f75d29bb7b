"""Many pictures to one array of one shape and depth; what does not fit is counted, then refused.

Memory: the array itself (one byte a value up to 8 bits, two above) and one decoded picture.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from pofx.data.images.convert import recoloured, resized
from pofx.data.images.form import Form
from pofx.data.images.picture import Broken, Entry, Picture, Remarks, decode
from pofx.data.reading.progress import told
from pofx.errors import ReadError
from pofx.training.recorder import Recorder

SHOWN = 3  # names listed in an error


class Gathering:
    """Takes pictures one by one, keeps them while they are alike, and words the refusal where they are not."""

    def __init__(self, total: int, form: Form, where: str) -> None:
        self.total, self.form, self.where = total, form, where
        self.pixels: np.ndarray | None = None  # [n, C, H, W]
        self.depths = np.zeros(total, dtype=np.uint8)
        self.names: list[str] = []
        self.done = 0
        self.sizes: dict[str, list[str]] = {}
        self.kinds: dict[str, list[str]] = {}
        self.remarks = Remarks()

    def add(self, picture: Picture, name: str) -> None:
        """The next picture, in the form that is asked for."""
        changed = resized(recoloured(picture, self.form.channels), self.form.size)
        self._remark(picture, changed, name)
        height, width, channels = changed.pixels.shape
        self.sizes.setdefault(f"{height} x {width}", []).append(name)
        self.kinds.setdefault({1: "grey", 3: "colour"}.get(channels, f"{channels} channels"), []).append(name)
        self.depths[self.done] = changed.bits
        self.names.append(name)
        if len(self.sizes) == len(self.kinds) == 1:
            self._keep(changed.pixels.transpose(2, 0, 1))
        else:
            self.pixels = None  # it will be refused: only counting goes on
        self.done += 1

    def _keep(self, pixels: np.ndarray) -> None:
        if self.pixels is None:
            self.pixels = np.empty((self.total, *pixels.shape), dtype=pixels.dtype)
        if pixels.dtype.itemsize > self.pixels.dtype.itemsize:
            self.pixels = self.pixels.astype(pixels.dtype)
        self.pixels[self.done] = pixels

    def _remark(self, before: Picture, after: Picture, name: str) -> None:
        if before.pixels.shape[2] != after.pixels.shape[2]:
            self.remarks.add(f"turned to {self.form.channels}", name)
        if before.pixels.shape[:2] != after.pixels.shape[:2]:
            self.remarks.add(f"resized to {after.pixels.shape[0]} x {after.pixels.shape[1]}", name)

    def finish(self) -> tuple[np.ndarray, int]:
        """All pictures `[n, C, H, W]` and their bits.

        Raises:
            ReadError: mixed sizes, or grey and colour mixed; with counts.
        """
        if len(self.sizes) > 1:
            raise self._mixed("the pictures have different sizes", self.sizes, "resize=(height, width) makes them one")
        if len(self.kinds) > 1:
            remedy = "channels='grey' or channels='colour' makes them one"
            raise self._mixed("grey and coloured pictures are mixed", self.kinds, remedy)
        assert self.pixels is not None
        return self._of_one_depth(self.pixels)

    def _of_one_depth(self, pixels: np.ndarray) -> tuple[np.ndarray, int]:
        """All in the deepest picture's bits: a darker-or-brighter scale is kept, since 1, 2, 4, 8, 16 divide."""
        depths = Counter(self.depths.tolist())
        bits = max(depths)
        if len(depths) == 1:
            return pixels, bits
        for depth in depths:
            if depth < bits:
                rows = np.flatnonzero(self.depths == depth)
                pixels[rows] *= ((1 << bits) - 1) // ((1 << depth) - 1)
                what = f"widened from {depth} bit{'s' * (depth > 1)} to {bits}"
                self.remarks.add(what, self.names[int(rows[0])], len(rows))
        return pixels, bits

    def _mixed(self, what: str, groups: dict[str, list[str]], remedy: str) -> ReadError:
        ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
        words = [f"{len(ordered[0][1]):,} of {ordered[0][0]}"]
        words += [f"{len(names):,} of {kind} ({_some(names)})" for kind, names in ordered[1:4]]
        more = f", and {len(ordered) - 4} more" if len(ordered) > 4 else ""
        return ReadError(what, got=", ".join(words) + more, expected="one for all", remedy=remedy, where=self.where)


def gather(
    entries: list[Entry], form: Form, notes: list[str], where: str, recorder: Recorder
) -> tuple[np.ndarray, int]:
    """The pictures of files, `[n, C, H, W]`, and their bits.

    Raises:
        ReadError: broken ones, named and counted; or what `Gathering` and `decode` refuse.
    """
    gathering = Gathering(len(entries), form, where)
    broken: dict[str, str] = {}
    for entry in told(entries, "reading pictures", recorder):
        try:
            picture = decode(entry, form, gathering.remarks)
        except Broken as error:
            broken[entry.name] = str(error)
            continue
        gathering.add(picture, entry.name)
    if broken:
        raise _refused(broken, len(entries), where)
    result = gathering.finish()
    notes.extend(gathering.remarks.lines(len(entries)))
    return result


def _refused(broken: dict[str, str], total: int, where: str) -> ReadError:
    names = list(broken)
    return ReadError(
        "a picture is broken" if len(names) == 1 else f"{len(names):,} pictures of {total:,} are broken",
        got=f"{_some(names)}: {broken[names[0]]}",
        remedy="mend or remove " + ("it" if len(names) == 1 else "them"),
        where=where,
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
