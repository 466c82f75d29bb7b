"""Pictures from files: every kind of source, every odd one, and the real ones where they are."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pofx.data.images import pillow as door
from pofx.data.images.read import read, read_images
from pofx.data.images.sniff import is_images
from pofx.data.write_images import sheet, write_images
from pofx.errors import MissingExtra, ReadError
from pofx.spaces.image import Image

pil = pytest.importorskip("PIL.Image")
REAL = Path(__file__).parents[3] / "shared" / "data" / "images"
RAMP = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
RGB = np.stack([RAMP, RAMP // 2, 255 - RAMP], -1)


def png(path: Path, pixels: np.ndarray = RAMP, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pil.fromarray(pixels).save(path, **how)
    return path


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    pil.fromarray(pixels).save(file, format=kind)
    return file.getvalue()


def idx(array: np.ndarray, kind: int = 0x08) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def refused(line: str, path: Path, **how) -> str:
    with pytest.raises(ReadError, match=line) as caught:
        read(path, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Folders -------------------------------------------------------------------------------------------------------------


def test_a_flat_folder_in_the_order_of_names(tmp_path):
    for k, name in enumerate(["b.png", "a.PNG", "c.bmp"]):
        png(tmp_path / name, RAMP + k)
    result = read(tmp_path)
    assert result.data.space == Image(1, 4, 6) and result.notes == () and result.data.given is None
    assert result.data.values.dtype == torch.uint8 and result.data.values[:, 0, 0, 0].tolist() == [1, 0, 2]
    assert np.array_equal(result.data.space.show(result.data.values)[1], RAMP)
    assert result.data.origin == str(tmp_path) and is_images(tmp_path)


def test_sub_folders_are_classes_in_the_order_of_numbers(tmp_path):
    for name in ("10/a.png", "9/b.png", "9/a.png", "2/a.png"):
        png(tmp_path / name)
    data = read_images(tmp_path)
    assert data.given_space.names == ("class",) and data.given_space.spaces[0].labels == (2, 9, 10)
    assert data.given.flatten().tolist() == [2, 0, 1, 1]  # 10/a, 2/a, 9/a, 9/b
    assert data.given_space.read(np.array(["9", "2"])).flatten().tolist() == [1, 0]
    assert data.rows(torch.tensor([1])).given.tolist() == [[0.0]]


def test_words_nested_folders_and_a_common_one(tmp_path):
    for name in ("all/cat/big/a.png", "all/cat/small/a.png", "all/dog/a.png", "all/dog/b.png"):
        png(tmp_path / name)
    assert read_images(tmp_path).given_space.spaces[0].labels == ("cat/big", "cat/small", "dog")


def test_training_and_test_folders(tmp_path):
    for name in ("train/a/1.png", "train/a/3.png", "train/b/1.png", "test/a/2.png"):
        png(tmp_path / name)
    result = read(tmp_path)
    assert len(result.data) == 3 and result.data.given_space.spaces[0].labels == ("a", "b")
    assert result.notes == ("only the training part is read; test left out (part='test' reads it)",)
    assert len(read_images(tmp_path, part="test")) == 1
    refused("no part 'validation'", tmp_path, part="validation")


def test_a_class_called_train_is_no_part(tmp_path):
    for name in ("train/a.png", "car/a.png", "car/b.png"):
        png(tmp_path / name)
    assert read_images(tmp_path).given_space.spaces[0].labels == ("car", "train")


def test_one_class_only(tmp_path):
    png(tmp_path / "seven" / "a.png")
    png(tmp_path / "seven" / "b.png")
    result = read(tmp_path)
    assert result.data.given is None and result.notes == (
        "every picture is of the class 'seven': there is no condition",
    )


def test_some_in_folders_and_some_not(tmp_path):
    png(tmp_path / "a.png")
    png(tmp_path / "more" / "b.png")
    result = read(tmp_path)
    assert len(result.data) == 2 and result.data.given is None and "not taken for classes" in result.notes[0]


def test_other_files_are_told_and_hidden_ones_are_not(tmp_path):
    png(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "._a.png").write_text("x")
    assert read(tmp_path).notes == ("1 other file left out (.txt)",)


def test_a_link_to_the_folder_itself_ends(tmp_path):
    png(tmp_path / "a.png")
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(read_images(tmp_path)) == 1


def test_one_picture_of_one_pixel(tmp_path):
    png(tmp_path / "a.png", np.full((1, 1), 7, np.uint8))
    data = read_images(tmp_path)
    assert data.space == Image(1, 1, 1) and data.values.tolist() == [[[[7]]]]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "gif"])
def test_every_exact_format(tmp_path, suffix):
    how = {"lossless": True} if suffix == "webp" else {}
    png(tmp_path / f"a.{suffix}", RAMP, **how)
    data = read_images(tmp_path, channels="grey")
    assert np.array_equal(data.space.show(data.values)[0], RAMP) and data.space.bits == 8


def test_jpeg_grey_and_colour(tmp_path):
    png(tmp_path / "grey" / "a.jpg", RAMP, quality=95)
    png(tmp_path / "colour" / "a.jpeg", RGB, quality=95)
    assert read_images(tmp_path / "grey").space == Image(1, 4, 6)
    colour = read_images(tmp_path / "colour")
    assert colour.space == Image(3, 4, 6) and colour.values.shape == (1, 3, 4, 6)


@pytest.mark.parametrize("bits", [1, 16])
def test_depth_is_kept(tmp_path, bits):
    pixels = RAMP > 90 if bits == 1 else RAMP.astype(np.uint16) * 257
    png(tmp_path / "a.png", pixels)
    data = read_images(tmp_path)
    assert data.space.bits == bits and np.array_equal(data.space.show(data.values)[0], pixels)
    assert data.values.dtype == (torch.uint8 if bits == 1 else torch.int32)


@pytest.mark.parametrize("bits", [2, 4])
def test_the_depth_that_pillow_hides(tmp_path, bits):
    """A grey PNG of 2 or 4 bits, written by hand: 4 pixels in one row."""
    packed = bytes([0b00011011]) if bits == 2 else bytes([0x0F, 0x5A])
    (tmp_path / "a.png").write_bytes(grey_png(4, bits, packed))
    data = read_images(tmp_path)
    assert data.space == Image(1, 1, 4, bits)
    assert data.values.flatten().tolist() == ([0, 1, 2, 3] if bits == 2 else [0, 15, 5, 10])


def grey_png(width: int, bits: int, row: bytes, colour: int = 0) -> bytes:
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    )


def test_sixteen_bits_of_colour_are_refused(tmp_path):
    (tmp_path / "deep.png").write_bytes(grey_png(1, 16, b"\1\2\3\4\5\6", colour=2))
    refused("deep.png: this picture has 16 bits a colour, of which Pillow would keep 8", tmp_path)


def test_depths_that_differ_are_widened(tmp_path):
    png(tmp_path / "a.png", RAMP)
    png(tmp_path / "b.png", RAMP > 90)
    png(tmp_path / "c.png", RAMP > 50)
    result = read(tmp_path)
    assert result.data.space.bits == 8 and set(result.data.values[1].flatten().tolist()) == {0, 255}
    assert result.notes == ("2 of 3 widened from 1 bit to 8, e.g. b.png",)
    png(tmp_path / "d.png", RAMP.astype(np.uint16))
    deep = read_images(tmp_path)
    assert deep.space.bits == 16 and deep.values[0].max() == 230 * 257 and deep.values[1].max() == 65535


def test_mixed_sizes_are_counted_and_resized_on_request(tmp_path):
    for k in range(5):
        png(tmp_path / f"{k}.png")
    png(tmp_path / "odd.png", RAMP[:3])
    line = refused("different sizes", tmp_path)
    assert "got 5 of 4 x 6, 1 of 3 x 6 (odd.png)" in line and "resize=(height, width)" in line
    result = read(tmp_path, resize=(4, 6))
    assert result.data.space == Image(1, 4, 6) and np.array_equal(result.data.values[0, 0].numpy(), RAMP)
    assert result.notes == ("1 of 6 resized to 4 x 6, e.g. odd.png",)
    assert read_images(tmp_path, resize=2).space == Image(1, 2, 2)
    refused("cannot have this size", tmp_path, resize=0)


def test_shrinking_averages(tmp_path):
    board = np.indices((64, 64)).sum(0) % 2 * 255
    png(tmp_path / "a.png", board.astype(np.uint8))
    values = read_images(tmp_path, resize=8).values.double()
    assert float((values[..., 1:-1, 1:-1] - 127.5).abs().max()) < 3


def test_resized_black_and_white_has_grey_and_deep_stays_deep(tmp_path):
    png(tmp_path / "one" / "a.png", RAMP > 90)
    png(tmp_path / "deep" / "a.png", np.full((4, 4), 40_000, np.uint16))
    assert read_images(tmp_path / "one", resize=3).space.bits == 8
    deep = read_images(tmp_path / "deep", resize=2)
    assert deep.space.bits == 16 and deep.values.unique().tolist() == [40_000]


def test_mixed_grey_and_colour(tmp_path):
    for k in range(3):
        png(tmp_path / f"{k}.png")
    png(tmp_path / "c.png", RGB)
    line = refused("grey and coloured pictures are mixed", tmp_path)
    assert "3 of grey, 1 of colour (c.png)" in line and "channels='grey'" in line
    grey = read(tmp_path, channels="grey")
    luma = np.rint(RGB @ [0.299, 0.587, 0.114])
    assert np.array_equal(grey.data.values[3, 0].numpy(), luma) and "1 of 4 turned to grey, e.g. c.png" in grey.notes
    colour = read_images(tmp_path, channels="colour")
    assert colour.space.channels == 3 and np.array_equal(colour.values[0].numpy(), np.stack([RAMP] * 3))


def test_grey_stored_as_colour_is_told(tmp_path):
    png(tmp_path / "a.png", np.stack([RAMP] * 3, -1))
    result = read(tmp_path)
    assert result.data.space.channels == 3 and "channels='grey' counts each once" in result.notes[0]


def test_alpha(tmp_path):
    opaque = np.dstack([RGB, np.full((4, 6), 255, np.uint8)])
    png(tmp_path / "opaque" / "a.png", opaque)
    png(tmp_path / "opaque" / "b.png", RGB)
    result = read(tmp_path / "opaque")
    assert result.data.space.channels == 3 and torch.equal(result.data.values[0], result.data.values[1])
    assert result.notes == ("1 of 2 lost an alpha channel that was opaque everywhere, e.g. a.png",)
    clear = opaque.copy()
    clear[0, :3, 3] = 0
    png(tmp_path / "clear" / "a.png", clear)
    line = refused("a.png: this picture is transparent in places; got 12.5% of the pixels", tmp_path / "clear")
    assert "background='white'" in line
    white = read_images(tmp_path / "clear", background="white").values[0]
    assert white[:, 0, :3].unique().tolist() == [255] and np.array_equal(
        white[:, 1:].numpy(), RGB[1:].transpose(2, 0, 1)
    )
    assert read_images(tmp_path / "clear", background="black").values[0][:, 0, :3].max() == 0


def test_grey_with_alpha_and_a_transparent_colour(tmp_path):
    png(tmp_path / "la" / "a.png", np.dstack([RAMP, np.full((4, 6), 255, np.uint8)]))
    assert read_images(tmp_path / "la").space == Image(1, 4, 6)
    png(tmp_path / "key" / "a.png", RAMP, transparency=20)
    refused("transparent in places", tmp_path / "key")


def test_palettes(tmp_path):
    grey, colour = pil.fromarray(RAMP // 10), pil.fromarray(RAMP // 10)
    grey.putpalette([k * 10 for k in range(24) for _ in range(3)])
    colour.putpalette([v for k in range(24) for v in (k, 0, 255 - k)])
    for name, image in (("grey", grey), ("colour", colour)):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "a.png")
    result = read(tmp_path / "grey")
    assert result.data.space == Image(1, 4, 6) and np.array_equal(result.data.values[0, 0].numpy(), RAMP)
    assert "turned from palette colours" in result.notes[0]
    assert read_images(tmp_path / "colour").values[0, :, 0, 1].tolist() == [1, 0, 254]


def test_print_colours(tmp_path):
    pil.fromarray(RGB).convert("CMYK").save(tmp_path / "a.tiff")
    result = read(tmp_path)
    assert np.array_equal(result.data.space.show(result.data.values)[0], RGB)
    assert result.notes == ("1 of 1 turned from CMYK to red, green and blue, e.g. a.tiff",)


@pytest.mark.parametrize("suffix", ["gif", "tiff", "webp", "png"])
def test_animations_and_stacks_of_pages(tmp_path, suffix):
    frames = [pil.fromarray(RAMP), pil.fromarray(RAMP[::-1].copy())]
    how = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"moves.{suffix}", save_all=True, append_images=frames[1:], **how)
    line = refused(
        f"moves.{suffix}: this is not one picture but an animation or a stack of pages; got 2 frames", tmp_path
    )
    assert "first_frame=True" in line
    first = read(tmp_path, first_frame=True, channels="grey")
    assert np.array_equal(first.data.values[0, 0].numpy(), RAMP) and "the first was taken" in first.notes[0]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (4, 6)), (3, (4, 6)), (6, (6, 4))], ids=str)
def test_exif_orientation(tmp_path, suffix, orientation, size):
    exif = pil.Exif()
    exif[0x0112] = orientation
    how = {"jpg": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
    png(tmp_path / f"a.{suffix}", RAMP, exif=exif, **how)
    data = read_images(tmp_path, channels="grey")
    expected = {1: RAMP, 3: RAMP[::-1, ::-1], 6: np.rot90(RAMP, -1)}[orientation]
    assert (data.space.height, data.space.width) == size
    assert np.abs(data.values[0, 0].numpy().astype(int) - expected).max() <= 2


def test_float_pictures_are_refused(tmp_path):
    png(tmp_path / "a.tiff", (RAMP / 255).astype(np.float32))
    refused("a.tiff: the pixels are fractions, and their range is not stated", tmp_path)


def test_pictures_of_32_bits(tmp_path):
    png(tmp_path / "few" / "a.tiff", RAMP.astype(np.int32) * 100)
    assert read_images(tmp_path / "few").space.bits == 16
    png(tmp_path / "many" / "a.tiff", RAMP.astype(np.int32) * 1000)
    refused("need more than 16 bits; got values from 0 to 230,000", tmp_path / "many")


def test_broken_pictures_are_named_and_counted(tmp_path):
    whole = png(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert "cut.png" in refused("a picture is broken", tmp_path)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_bytes(b"hello")
    assert "cut.png, empty.png, text.jpg" in refused("3 pictures of 4 are broken", tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    png(tmp_path / "a.png", np.zeros((100, 100), np.uint8))
    monkeypatch.setattr(pil, "MAX_IMAGE_PIXELS", 6000)
    refused("a picture is broken; got a.png: .*exceeds limit", tmp_path)


def test_folders_without_pictures(tmp_path):
    refused("no pictures in this folder", tmp_path)
    (tmp_path / "a.csv").write_text("a\n1\n")
    refused("no pictures in this folder", tmp_path)
    np.savez(tmp_path / "b.npz", x=np.zeros((3, 2, 2), np.uint8))
    assert "b.npz" in refused("no pictures in this folder", tmp_path)
    assert not is_images(tmp_path)


def test_one_picture_is_no_data_set(tmp_path):
    path = png(tmp_path / "sheet.png")
    refused("one picture is not a data set", path)
    assert is_images(path)
    np.savez(tmp_path / "all.npz", x=np.zeros((3, 2, 2), np.uint8))
    assert "all.npz" in refused("one picture and a file of many", tmp_path)


def test_a_path_that_is_not_there(tmp_path):
    png(tmp_path / "digits" / "a.png")
    refused("no such file; remedy: did you mean .*digits", tmp_path / "digit")
    assert not is_images(tmp_path / "digit")


def test_without_pillow(tmp_path, monkeypatch):
    png(tmp_path / "p" / "a.png")
    np.savez(tmp_path / "b.npz", x=np.zeros((3, 2, 2), np.uint8))

    def absent(name: str):
        raise ImportError(name)

    monkeypatch.setattr(door.importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"pip install pofx\[images\]"):
        read(tmp_path / "p")
    assert len(read_images(tmp_path / "b.npz")) == 3 and is_images(tmp_path / "p")


@pytest.mark.parametrize("how", [{"channels": "gray"}, {"background": "#fff"}, {"part": "all"}], ids=str)
def test_a_wish_that_is_none(tmp_path, how):
    png(tmp_path / "a.png")
    refused("cannot be this; got '.*'; expected '.*' or None", tmp_path, **how)


def test_progress_is_told(tmp_path):
    for k in range(3):
        png(tmp_path / f"{k}.png")
    told: list[tuple] = []

    class Listener:
        def start(self, what: str, total: int | None) -> None:
            told.append((what, total))

        def step(self, done: int, note: str = "") -> None:
            told.append((done,))

        def finish(self) -> None:
            told.append(())

    read_images(tmp_path, recorder=Listener())
    assert told == [("reading pictures", 3), (3,), ()]


def test_a_zip_is_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("set/a/1.png", "set/b/1.png", "set/b/2.png", "__MACOSX/set/a/._1.png", "set/readme.txt"):
            archive.writestr(name, encoded(RAMP))
    result = read(tmp_path / "all.zip")
    assert result.data.given.flatten().tolist() == [0, 1, 1] and result.notes == ("1 other file left out (.txt)",)
    content = (tmp_path / "all.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    refused("no pictures", tmp_path / "cut.zip")
    assert is_images(tmp_path / "all.zip") and not is_images(tmp_path / "cut.zip")


# IDX -----------------------------------------------------------------------------------------------------------------

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 4, 5)).astype(np.uint8)


@pytest.fixture
def mnist(tmp_path) -> Path:
    labels = (np.arange(12) % 3).astype(np.uint8)
    for part, packed in (("train", True), ("t10k", False)):
        for what, array in (("images-idx3", DIGITS), ("labels-idx1", labels)):
            content = idx(array[: 12 if packed else 6])
            name = f"{part}-{what}-ubyte"
            (tmp_path / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return tmp_path


def test_idx_with_labels_beside(mnist):
    result = read(mnist / "train-images-idx3-ubyte.gz")
    assert result.data.space == Image(1, 4, 5) and result.notes == ()
    assert np.array_equal(result.data.values[:, 0].numpy(), DIGITS)
    assert result.data.given.flatten().tolist() == [0, 1, 2] * 4
    result.data.values[0] = 0  # owns its memory
    assert len(read_images(mnist / "t10k-images-idx3-ubyte")) == 6 and is_images(mnist / "t10k-images-idx3-ubyte")


def test_an_idx_folder_is_its_training_part(mnist):
    result = read(mnist)
    assert len(result.data) == 12 and result.notes[0].startswith("only the training part") and is_images(mnist)
    assert len(read_images(mnist, part="test")) == 6
    (mnist / "train-more-idx3").write_bytes(idx(DIGITS))
    refused("several files of pictures here", mnist)


def test_idx_odd_ones(mnist):
    refused("holds labels, not pictures.*train-images-idx3-ubyte.gz", mnist / "train-labels-idx1-ubyte.gz")
    assert not is_images(mnist / "train-labels-idx1-ubyte.gz")
    (mnist / "short-idx3").write_bytes(idx(DIGITS)[:-1])
    refused("cut short; got 239 bytes of values; expected 240", mnist / "short-idx3")
    (mnist / "long-idx3").write_bytes(idx(DIGITS) + b"x")
    refused("longer than it says", mnist / "long-idx3")
    packed = (mnist / "train-images-idx3-ubyte.gz").read_bytes()
    (mnist / "half-idx3.gz").write_bytes(packed[:200])
    refused("damaged or cut short", mnist / "half-idx3.gz")
    (mnist / "none-idx3").write_bytes(idx(DIGITS[:0]))
    refused("no pictures in this array", mnist / "none-idx3")
    assert "there are no labels beside long-idx3" not in read(mnist / "train-images-idx3-ubyte.gz").notes
    (mnist / "alone-idx3").write_bytes(idx((DIGITS.astype(int) + 400).astype(">i2"), 0x0B))
    alone = read(mnist / "alone-idx3")
    assert alone.notes == ("there are no labels beside alone-idx3",) and alone.data.space.bits == 16


def test_idx_labels_of_another_file(mnist):
    (mnist / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(7, np.uint8)))
    refused(r"labels are not those.*got shape \[7\]; expected \[6\]", mnist / "t10k-images-idx3-ubyte")


# NumPy ---------------------------------------------------------------------------------------------------------------


def saved(tmp_path: Path, **arrays) -> Path:
    np.savez(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz"


@pytest.mark.parametrize("label", ["y", "labels", "class_block", "anything"])
def test_npz_with_labels(tmp_path, label):
    path = saved(tmp_path, images=DIGITS, **{label: np.arange(12) % 2})
    data = read_images(path)
    assert data.given.flatten().tolist() == [0, 1] * 6 and data.values.shape == (12, 1, 4, 5) and is_images(path)


def test_npz_of_parts(tmp_path):
    arrays = {"x_train": DIGITS, "y_train": np.arange(12) % 2, "x_test": DIGITS[:12], "y_test": np.arange(12) % 3}
    path = saved(tmp_path, **arrays)
    assert len(read_images(path).given_space.spaces[0].labels) == 2
    assert len(read_images(path, part="test").given_space.spaces[0].labels) == 3


def test_npz_where_labels_are_not_certain(tmp_path):
    result = read(saved(tmp_path, x=DIGITS, a=np.arange(12) % 2, b=np.arange(12) % 3))
    assert result.data.given is None and result.notes == ("several arrays could be labels, so none is: a, b",)


@pytest.mark.parametrize(
    ("array", "space"),
    [
        (DIGITS[..., None], Image(1, 4, 5)),
        (DIGITS[:, None], Image(1, 4, 5)),
        (np.stack([DIGITS, DIGITS, DIGITS // 2], -1), Image(3, 4, 5)),
        (np.stack([DIGITS, DIGITS, DIGITS // 2], 1), Image(3, 4, 5)),
        (DIGITS > 9, Image(1, 4, 5, 1)),
        (np.zeros((2, 4, 5), bool), Image(1, 4, 5, 1)),
        ((DIGITS > 9).astype(np.float32), Image(1, 4, 5, 1)),
        (DIGITS.astype(np.float64), Image(1, 4, 5)),
        (DIGITS.astype(np.int64) + 300, Image(1, 4, 5, 16)),
        (DIGITS.astype(np.uint16), Image(1, 4, 5, 16)),
        (np.full((2, 1, 1), 7, np.uint8), Image(1, 1, 1)),
        (np.full((2, 1, 1, 1), 7, np.uint8), Image(1, 1, 1)),
        (np.zeros((2, 4, 5), np.uint8), Image(1, 4, 5)),
    ],
    ids=[
        "hwc",
        "chw",
        "rgb",
        "rgb-chw",
        "bool",
        "black",
        "binary",
        "float",
        "int",
        "uint16",
        "pixel",
        "pixel4",
        "zeros",
    ],
)
def test_npy_of_every_type(tmp_path, array, space):
    np.save(tmp_path / "a.npy", array)
    data = read_images(tmp_path / "a.npy")
    assert data.space == space and bool(data.space.contains(data.values).all()) and is_images(tmp_path / "a.npy")
    plain = array.reshape(array.shape[:3]) if space.channels == 1 and array.ndim == 3 else None
    assert plain is None or np.array_equal(data.space.show(data.values), plain)


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (DIGITS / 255, r"range is not stated; got values from 0.* to 1; .*save \(x \* 255\)\.round\(\) as uint8"),
        (DIGITS / 127.5 - 1, r"save \(\(x \+ 1\) \* 127\.5\)\.round\(\) as uint8"),
        (DIGITS + 0.5, "range is not stated.*scale them"),
        (np.full((2, 4, 5), np.nan), "a pixel is not a finite number"),
        (DIGITS.astype(int) - 300, "do not fit into 16 bits"),
        (DIGITS.astype(int) * 1000, "do not fit into 16 bits"),
        (np.zeros((28, 28, 3), np.uint8), r"one picture \[28, 28, 3\] or 28 grey ones of 28 x 3"),
        (np.zeros((5, 3, 7, 3), np.uint8), r"\[n, H, W, C\] or \[n, C, H, W\]"),
        (np.zeros((5, 8, 7, 6), np.uint8), "no axis of this array can be the channels"),
        (np.zeros((12, 784), np.uint8), r"no array of pictures here; .*\[12, 784\].*x\.reshape\(-1, height, width\)"),
        (np.zeros((0, 4, 5), np.uint8), "no pictures in this array"),
        (np.zeros((2, 4, 5), complex), "not pixels; got dtype complex128"),
    ],
    ids=["unit", "symmetric", "halves", "nan", "negative", "deep", "one", "cube", "none", "flat", "empty", "complex"],
)
def test_npz_refused(tmp_path, array, line):
    refused(line, saved(tmp_path, x=array))


def test_npz_odd_files(tmp_path):
    refused(r"several arrays of pictures here; got a \[12, 4, 5\], b", saved(tmp_path, a=DIGITS, b=DIGITS))
    np.savez(tmp_path / "o.npz", x=np.array([[[{}]]], dtype=object))
    refused("holds pickled Python objects", tmp_path / "o.npz")
    content = saved(tmp_path, x=DIGITS).read_bytes()
    (tmp_path / "c.npz").write_bytes(content[:100])
    refused("damaged or cut short", tmp_path / "c.npz")
    np.save(tmp_path / "t.npy", np.zeros((3, 4)))
    assert not is_images(tmp_path / "t.npy") and not is_images(tmp_path / "c.npz")


def test_arrays_with_alpha(tmp_path):
    four = np.dstack([RGB, np.full((4, 6), 255, np.uint8)])[None]
    assert read_images(saved(tmp_path, x=four)).space == Image(3, 4, 6)
    clear = four.copy()
    clear[0, 0, 0, 3] = 0
    path = saved(tmp_path, x=clear)
    refused("transparent in places", path)
    white = read_images(path, background="white").values
    assert white[0, :, 0, 0].tolist() == [255, 255, 255] and white[0, :, 1, 1].tolist() == RGB[1, 1].tolist()


def test_arrays_resized_and_recoloured(tmp_path):
    path = saved(tmp_path, x=DIGITS, y=np.arange(12) % 2)
    result = read(path, resize=8, channels="colour")
    assert result.data.values.shape == (12, 3, 8, 8) and result.data.given is not None
    assert "12 of 12 resized to 8 x 8, e.g. row 1" in result.notes


# Parquet -------------------------------------------------------------------------------------------------------------


def test_parquet_of_bytes(tmp_path):
    frame = pl.DataFrame({"png": [encoded(RAMP), encoded(RAMP // 2), encoded(RAMP)], "label": ["b", "a", "b"]})
    frame.write_parquet(tmp_path / "a.parquet")
    data = read_images(tmp_path / "a.parquet")
    assert data.space == Image(1, 4, 6) and data.given.flatten().tolist() == [1, 0, 1]
    assert np.array_equal(data.values[1, 0].numpy(), RAMP // 2) and is_images(tmp_path / "a.parquet")


def test_parquet_as_hugging_face_writes_it(tmp_path):
    images = [{"bytes": encoded(RAMP + k), "path": None} for k in range(4)]
    features = {"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"]}}}}
    frame = pl.DataFrame({"image": images, "label": [1, 0, 1, 1]})
    (tmp_path / "data").mkdir()
    for name, rows in (
        ("train-00000-of-00002", slice(0, 2)),
        ("train-00001-of-00002", slice(2, 4)),
        ("test-0", slice(0, 1)),
    ):
        part = frame[rows.start : rows.stop]
        part.write_parquet(tmp_path / "data" / f"{name}.parquet", metadata={"huggingface": json.dumps(features)})
    data = read_images(tmp_path)
    assert data.given_space.spaces[0].labels == ("cat", "dog") and data.given.flatten().tolist() == [1, 0, 1, 1]
    assert data.values[:, 0, 0, 0].tolist() == [0, 1, 2, 3] and is_images(tmp_path)
    assert len(read_images(tmp_path, part="test")) == 1


def test_parquet_odd_ones(tmp_path):
    table, broken, gap = (tmp_path / f"{name}.parquet" for name in ("table", "broken", "gap"))
    pl.DataFrame({"a": [1.0], "blob": [b"xyz"]}).write_parquet(table)
    refused("no pictures", table)
    assert not is_images(table)
    pl.DataFrame({"image": [encoded(RAMP), encoded(RAMP)[:50]]}).write_parquet(broken)
    assert "row 2" in refused("a picture is broken", broken)
    pl.DataFrame({"image": [encoded(RAMP), None]}).write_parquet(gap)
    refused("row 2: a picture is missing", gap)


def test_tables_are_not_pictures(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    (tmp_path / "c.gz").write_bytes(b"\x1f\x8bxx")
    assert not any(is_images(tmp_path / name) for name in ("a.csv", "b.csv.gz", "c.gz"))
    refused("this file holds no pictures", tmp_path / "a.csv")


# Writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "space", [Image(1, 4, 5), Image(3, 4, 5), Image(1, 4, 5, 1), Image(1, 4, 5, 16)], ids=Image.describe
)
@pytest.mark.parametrize("name", ["out", "out.npz"])
def test_written_and_read_again(tmp_path, space, name):
    shape = (12, *space.event_shape)
    x = torch.from_numpy(np.random.default_rng(0).integers(0, space.levels, shape)).double()
    write_images(space.show(x), space, tmp_path / name)
    data = read_images(tmp_path / name)
    assert data.space == space and torch.equal(data.values, space.compact(x))


def test_other_depths_are_brightened_in_a_png(tmp_path):
    write_images(np.array([[[0, 15]]], np.uint8), Image(1, 1, 2, 4), tmp_path / "out")
    assert read_images(tmp_path / "out").values.flatten().tolist() == [0, 255]


def test_a_sheet(tmp_path):
    write_images(DIGITS, Image(1, 4, 5), tmp_path / "all.png")
    with pil.open(tmp_path / "all.png") as image:
        board = np.asarray(image)
    assert np.array_equal(board, sheet(DIGITS)) and board.shape == (3 * 6 + 2, 4 * 7 + 2)
    assert np.array_equal(board[2:6, 2:7], DIGITS[0]) and np.array_equal(board[8:12, 2:7], DIGITS[4])
    assert sheet(np.zeros((5, 2, 2, 3), np.uint8)).shape == (2 * 4 + 2, 3 * 4 + 2, 3)


def test_where_pictures_cannot_be_written(tmp_path):
    png(tmp_path / "full" / "a.png")
    cases = {
        "full": "this folder is not empty",
        "a.csv": "cannot tell how to write pictures here; got the suffix '.csv'",
        "none/deep/out": "cannot write this file",
        "none/a.png": "make the folder first",
    }
    for name, line in cases.items():
        with pytest.raises(ReadError, match=line):
            write_images(DIGITS, Image(1, 4, 5), tmp_path / name)
    with pytest.raises(ReadError, match=r"a PNG cannot hold these pictures.*\.npz"):
        write_images(np.zeros((2, 1, 1, 3), np.uint16), Image(3, 1, 1, 16), tmp_path / "deep")
    with pytest.raises(ReadError, match="no pictures to show"):
        write_images(DIGITS[:0], Image(1, 4, 5), tmp_path / "a.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


# The real ones -------------------------------------------------------------------------------------------------------


def real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"the shared data have no {name} here")
    return REAL / name


def test_mnist():
    data = read_images(real("mnist/t10k-images-idx3-ubyte.gz"))
    assert data.space == Image(1, 28, 28) and len(data) == 10_000 and data.values.dtype == torch.uint8
    counts = torch.bincount(data.given.flatten().long()).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.values.double().mean() == pytest.approx(33.79, abs=0.01)


def test_fashion_mnist_sheet_and_array():
    folder = real("fashion_mnist_sprite900")
    data = read_images(folder / "fashion_mnist_sprite900.npz")
    assert data.space == Image(1, 28, 28) and len(data) == 900 and len(data.given_space.spaces[0].labels) == 10
    refused("one picture is not a data set", folder / "fashion-mnist-sprite.png")
    refused("one picture and a file of many", folder)


def test_omniglot():
    result = read(real("omniglot_small/all_runs.zip"))
    assert result.data.space == Image(1, 105, 105, 1) and len(result.data) == 800
    assert len(result.data.given_space.spaces[0].labels) == 40
