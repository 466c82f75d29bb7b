"""Sounds from files: every kind of source, every odd one, and the real ones where they are."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pofx.data.sounds import door
from pofx.data.sounds.read import read
from pofx.data.sounds.sniff import is_sounds
from pofx.data.write_sounds import write_sounds
from pofx.errors import MissingExtra, ReadError
from pofx.spaces.waveform import Waveform

soundfile = pytest.importorskip("soundfile")
REAL = Path(__file__).parents[3] / "shared" / "data" / "audio"
WAVE = (3000 * np.sin(np.arange(400) / 7)).astype(np.int16)


def sound(path: Path, wave: np.ndarray = WAVE, rate: int = 8000, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, **how)
    return path


def refused(line: str, path: Path, **how) -> str:
    with pytest.raises(ReadError, match=line) as caught:
        read(path, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def first(path: Path, **how) -> np.ndarray:
    data = read(path, **how).data
    return data.space.show(data.block(0, 1))[0]


# Kinds of files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
def test_sixteen_bits_are_as_recorded(tmp_path, name):
    result = read(sound(tmp_path / name, subtype="PCM_16"))
    assert result.data.space == Waveform(8000, 16, 1, 400) and result.names == (name,) and result.notes == ()
    assert result.data.values.dtype == torch.int16 and np.array_equal(result.data.values.numpy(), WAVE)
    assert result.data.ends.tolist() == [400] and result.data.given is None and is_sounds(tmp_path / name)


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "PCM_U8"), ("a.aiff", "PCM_S8"), ("a.flac", "PCM_S8")])
def test_eight_bits_are_as_recorded(tmp_path, name, subtype):
    wave = np.arange(-128, 128, dtype=np.int16)
    result = read(sound(tmp_path / name, wave << 8, subtype=subtype))
    assert result.data.space == Waveform(8000, 8, 1, 256) and np.array_equal(result.data.values.numpy(), wave)


def test_eight_bits_are_unsigned_in_the_file(tmp_path):
    path = sound(tmp_path / "a.wav", np.array([0, 256], np.int16), subtype="PCM_U8")
    assert path.read_bytes().endswith(b"data" + struct.pack("<I", 2) + b"\x80\x81")
    assert first(path).tolist() == [0, 1]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_twenty_four_bits_stay(tmp_path, name):
    wave = np.array([-(1 << 23), -1, 0, 1, 77, (1 << 23) - 1], np.int32)
    result = read(sound(tmp_path / name, wave << 8, 96_000, subtype="PCM_24"))
    assert result.data.space == Waveform(96_000, 24, 1, 6) and result.data.values.dtype == torch.int32
    assert result.data.values.tolist() == wave.tolist()


@pytest.mark.parametrize(("subtype", "grid"), [("FLOAT", 15), ("DOUBLE", 23), ("PCM_32", 15), ("PCM_32", 23)])
def test_wide_samples_on_a_grid_are_exact(tmp_path, subtype, grid):
    wave = WAVE.astype(np.int32) * (1 if grid == 15 else 201)
    stored = wave << (31 - grid) if subtype == "PCM_32" else wave / float(1 << grid)
    result = read(sound(tmp_path / "a.wav", stored, subtype=subtype))
    assert result.data.space.bits == grid + 1 and result.data.values.tolist() == wave.tolist() and result.notes == ()


def test_wide_samples_off_the_grid_are_rounded_with_a_note(tmp_path):
    wave = np.array([0.1, -0.3, 1.0, -1.0])
    result = read(sound(tmp_path / "a.wav", wave, subtype="DOUBLE"))
    assert result.data.values.tolist() == [838861, -2516582, (1 << 23) - 1, -(1 << 23)]
    assert len(result.notes) == 1 and "1 of 1 rounded to 24 bits" in result.notes[0]
    assert "louder than full scale" in read(sound(tmp_path / "b.wav", wave * 1.5, subtype="FLOAT")).notes[1]


def test_floats_that_are_no_numbers_are_broken(tmp_path):
    refused("no finite number", sound(tmp_path / "a.wav", np.array([0.1, np.nan]), subtype="FLOAT"))


@pytest.mark.parametrize(
    ("name", "how"), [("a.ogg", {}), ("a.mp3", {}), ("a.opus", {"format": "OGG", "subtype": "OPUS"})]
)
def test_lossy_sounds_are_decoded_with_a_note(tmp_path, name, how):
    if name == "a.mp3" and "MP3" not in soundfile.available_formats():
        pytest.skip("this libsndfile has no MP3")
    wave = (8000 * np.sin(np.arange(8000) / 7)).astype(np.int16)
    result = read(sound(tmp_path / name, wave, **how))
    assert "decoded to 16 bits" in result.notes[0] and result.data.values.dtype == torch.int16
    assert abs(np.abs(result.data.values.numpy()[2000:6000]).max() - 8000) < 2000


def test_stereo_is_kept_or_mixed(tmp_path):
    both = np.stack([WAVE, -WAVE // 2], 1)
    path = sound(tmp_path / "a.wav", both)
    assert read(path).data.space == Waveform(8000, 16, 2, 800)
    assert np.array_equal(first(path), both)
    mixed = read(path, mono=True)
    assert np.array_equal(mixed.data.values.numpy(), np.rint(both.mean(1))) and "mixed to one channel" in mixed.notes[0]


def test_resampling_keeps_the_tone_and_says_so(tmp_path):
    wave = np.rint(9000 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)).astype(np.int16)
    result = read(sound(tmp_path / "a.wav", wave, 44_100), rate=8000)
    assert result.data.space == Waveform(8000, 16, 1, 8000) and any("resampled wave" in note for note in result.notes)
    expected = 9000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(result.data.values.numpy() - expected)[100:-100].max() < 30
    assert read(tmp_path / "a.wav", rate=44_100).notes == ()


# Folders and archives ------------------------------------------------------------------------------------------------


def test_folders_are_classes_and_numbers_have_their_order(tmp_path):
    for place, name in enumerate(["dog/10.wav", "dog/9.flac", "cat/1.wav", "cat/2.wav"]):
        sound(tmp_path / name, WAVE[: 100 + place])
    (tmp_path / "README.md").write_text("sounds")
    result = read(tmp_path)
    assert result.names == ("cat/1.wav", "cat/2.wav", "dog/9.flac", "dog/10.wav")
    assert result.data.lengths.tolist() == [102, 103, 101, 100] and result.data.space.length == 101
    assert result.data.given_space.spaces[0].labels == ("cat", "dog") and result.data.given.flatten().tolist() == [
        *(0, 0),
        *(1, 1),
    ]
    assert result.notes == ("1 other file left out (.md)",)
    assert read(tmp_path, labels=None).data.given is None
    assert result.data.rows(torch.tensor([3, 0])).lengths.tolist() == [100, 102]


def test_names_of_spoken_digits_are_classes(tmp_path):
    for name in ("7_jackson_10", "7_jackson_9", "3_theo_0", "3_theo_1"):
        sound(tmp_path / "recordings" / f"{name}.wav")
    result = read(tmp_path)
    assert [Path(name).stem for name in result.names] == ["3_theo_0", "3_theo_1", "7_jackson_9", "7_jackson_10"]
    assert result.data.given_space.spaces[0].labels == (3, 7) and "first part of the file names" in result.notes[0]
    refused("there are no labels in the folders", tmp_path, labels="folders")


@pytest.mark.parametrize("names", [("7_a_1", "7_a_2", "3_b_1"), ("7_a_1", "x"), ("7_a_1", "7_b_2")])
def test_names_that_do_not_agree_are_no_classes(tmp_path, names):
    for name in names:
        sound(tmp_path / f"{name}.wav")
    assert read(tmp_path).data.given is None
    refused("no labels in the names", tmp_path, labels="names")


def test_training_and_test_parts_are_no_classes(tmp_path):
    for name in ("train/a.wav", "train/b.wav", "test/a.wav"):
        sound(tmp_path / name)
    result = read(tmp_path)
    assert len(result.data) == 2 and result.data.given is None and "test left out" in result.notes[0]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_archives_are_read_like_folders(tmp_path, kind):
    names = ["b/2_x_10.wav", "b/2_x_9.flac", "a/1_x_1.wav"]
    files = [sound(tmp_path / "in" / name, WAVE[: 50 + k]) for k, name in enumerate(names)]
    packed = tmp_path / f"all.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for file, name in zip(files, names, strict=True):
                archive.write(file, name)
            archive.writestr("__MACOSX/._2_x_10.wav", b"junk")
    else:
        with tarfile.open(packed, f"w:{kind[4:]}") as archive:
            archive.add(tmp_path / "in", "in")
    result = read(packed)
    assert is_sounds(packed) and result.data.lengths.tolist() == [52, 51, 50]
    assert result.data.given_space.spaces[0].labels == ("a", "b")


def test_damaged_archives_are_refused(tmp_path):
    sound(tmp_path / "in" / "a.wav")
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "in", "in")
    content = (tmp_path / "all.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(content[: len(content) // 2])
    refused("damaged or cut short", tmp_path / "cut.tar.gz")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "in" / "a.wav", "a.wav")
        archive.write(tmp_path / "in" / "a.wav", "b.wav")
    content = bytearray((tmp_path / "all.zip").read_bytes())
    content[300] ^= 255
    (tmp_path / "hurt.zip").write_bytes(content)
    assert "a.wav" in refused("a recording is broken.*CRC", tmp_path / "hurt.zip")
    assert len(read(tmp_path / "hurt.zip", skip_broken=True).data) == 1


# Odd and bad ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("odd", "how", "remedy"),
    [
        ({"rate": 16_000}, {"rate": 8000}, "rate=8000"),
        ({"wave": np.stack([WAVE, WAVE], 1)}, {"mono": True}, "mono=True"),
        ({"subtype": "PCM_24"}, {}, "one depth"),
    ],
    ids=["rate", "channels", "bits"],
)
def test_mixtures_are_refused_or_brought_to_one(tmp_path, odd, how, remedy):
    for k in range(3):
        sound(tmp_path / f"{k}.wav")
    sound(tmp_path / "odd.wav", **odd)
    line = refused("the recordings have different", tmp_path)
    assert "3 of" in line and "odd.wav" in line and remedy in line
    if how:
        assert len(read(tmp_path, **how).data) == 4


def header(path: Path, stated: int) -> Path:
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", stated)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("stated", "note"), [(0, "longer"), (100, "longer"), (10**6, "shorter"), (0xFFFFFFFF, "shorter")]
)
def test_a_header_that_lies_about_its_length(tmp_path, stated, note):
    result = read(header(sound(tmp_path / "a.wav"), stated))
    assert np.array_equal(result.data.values.numpy(), WAVE) and f"{note} than the header says" in result.notes[0]


def test_chunks_behind_the_samples_are_no_samples(tmp_path):
    path = sound(tmp_path / "a.wav", WAVE[:99] >> 8 << 8, subtype="PCM_U8")
    padded = path.read_bytes() + b"LIST" + struct.pack("<I", 6) + b"abcdef"
    path.write_bytes(padded)
    result = read(path)
    assert result.notes == () and len(result.data.values) == 99


def test_silence_and_clipping_are_noted(tmp_path):
    sound(tmp_path / "silent.wav", np.zeros(100, np.int16))
    loud = np.clip(WAVE.astype(int) * 30, -32768, 32767).astype(np.int16)
    sound(tmp_path / "loud.wav", loud)
    peak = np.where(np.arange(400) == 60, 32767, WAVE).astype(np.int16)  # touches the end once
    sound(tmp_path / "peak.wav", peak)
    notes = read(tmp_path).notes
    share = f"{100 * np.isin(loud, (-32768, 32767)).sum() / 900:.2g}%"
    assert notes[0] == "1 of 3 are silent, e.g. silent.wav"
    assert notes[1].startswith("1 of 3 are clipped, e.g. loud.wav") and share in notes[1]


def test_broken_recordings_are_named_counted_and_skipped_only_when_asked(tmp_path):
    for k in range(5):
        sound(tmp_path / f"{k}.wav", WAVE + k)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("a,b\n1,2\n" * 50)
    sound(tmp_path / "nothing.wav", WAVE[:0])
    flac = sound(tmp_path / "hurt.flac", np.tile(WAVE, 60))
    content = bytearray(flac.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\x55" * 200
    flac.write_bytes(content)
    line = refused("4 recordings of 9 are broken", tmp_path)
    assert "empty.wav" in line and "skip_broken=True" in line
    result = read(tmp_path, skip_broken=True)
    assert result.names == tuple(f"{k}.wav" for k in range(5)) and "4 of 9 are broken and skipped" in result.notes[0]
    assert result.data.block(4, 5)[0].tolist() == (WAVE + 4).tolist()
    for name, line in [("empty.wav", "empty"), ("text.wav", "no recording"), ("hurt.flac", "damaged")]:
        refused(line, tmp_path / name, skip_broken=True)


def test_what_is_no_sound_is_refused(tmp_path):
    (tmp_path / "none").mkdir()
    refused("there are no recordings in this folder", tmp_path / "none")
    sound(tmp_path / "digits" / "a.wav")
    assert "did you mean" in refused("no such file", tmp_path / "digitz")
    refused("no such rate", tmp_path / "digits", rate=0)
    refused("labels cannot be this", tmp_path / "digits", labels="class")


def test_is_sounds(tmp_path):
    sound(tmp_path / "a.wav").rename(tmp_path / "noname")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    for name in ("x/a.wav", "x/b.wav", "y/a.wav"):
        sound(tmp_path / name)
    for name in ("y/1.txt", "y/2.txt", "x/LICENSE"):
        (tmp_path / name).write_text("words")
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 and no more")
    known = {"noname": True, "t.csv": False, "x": True, "y": False, "half.zip": False, "missing.wav": False}
    assert {name: is_sounds(tmp_path / name) for name in known} == known


def test_a_table_is_no_reason_to_load_soundfile_or_torch(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    code = (
        "import sys; from pofx.data.sounds.sniff import is_sounds;"
        f"assert not is_sounds({str(tmp_path / 't.csv')!r});"
        "sys.exit(any(name in sys.modules for name in ('soundfile', 'torch', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    path = sound(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"pip install pofx\[audio\]"):
        read(path)
    with pytest.raises(MissingExtra):
        door.load_soundfile()


def test_progress_is_told(tmp_path):
    class Told:
        def __init__(self):
            self.calls = []

        def start(self, what, total):
            self.calls.append((what, total))

        def step(self, done, note=""):
            self.calls.append(done)

        def finish(self):
            self.calls.append("end")

    for k in range(3):
        sound(tmp_path / f"{k}.wav")
    told = Told()
    read(tmp_path, recorder=told)
    assert told.calls == [("reading sounds", 3), 3, "end"]


# Writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("bits", [8, 16, 24])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_is_read_again(tmp_path, name, bits, channels):
    space = Waveform(11_025, bits, channels)
    wave = np.random.default_rng(bits).integers(space.low, space.high + 1, (300, channels))
    write_sounds([wave if channels > 1 else wave[:, 0]], space, tmp_path / name)
    result = read(tmp_path / name)
    assert result.data.space == Waveform(11_025, bits, channels, 300 * channels)
    assert result.data.values.tolist() == wave.reshape(-1).tolist()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_folder_of_numbered_waves(tmp_path):
    space = Waveform(8000, 12)
    waves = space.read([np.arange(k + 1) - 5 for k in range(11)])
    write_sounds(waves, space, tmp_path / "out")
    result = read(tmp_path / "out")
    assert result.names[0] == "01.wav" and result.names[-1] == "11.wav" and len(result.data) == 11
    assert result.data.block(10, 11)[0].tolist() == [16 * (k - 5) for k in range(11)]  # full scale stays full scale


def test_writing_is_refused_in_one_line(tmp_path):
    space, waves = Waveform(8000), [WAVE, WAVE]
    for line, path, some in [
        ("one file holds one sound", tmp_path / "a.wav", waves),
        ("cannot tell how to write sounds", tmp_path / "a.txt", waves),
        ("there are no sounds", tmp_path / "a.wav", []),
        ("cannot write this file", tmp_path / "no" / "a.wav", waves[:1]),
        ("a FLAC file cannot hold", tmp_path / "a.flac", [np.zeros((4, 9), np.int16)]),
    ]:
        with pytest.raises(ReadError, match=line):
            write_sounds(some, Waveform(8000, channels=9) if "FLAC" in line else space, path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(ReadError, match="not empty"):
        write_sounds(waves, space, tmp_path / "full")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["full"]


# Real recordings -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (REAL / "fsdd").is_dir(), reason="the recordings of spoken digits are not here")
def test_spoken_digits():
    result = read(next((REAL / "fsdd").glob("*.tar")))
    assert len(result.data) == 3000 and result.data.space.rate == 8000 and result.data.values.dtype == torch.int16
    assert torch.bincount(result.data.given[:, 0].long()).tolist() == [300] * 10
    assert result.names[1].endswith("0_george_1.wav") and int(result.data.ends[-1]) == len(result.data.values)
    with tarfile.open(next((REAL / "fsdd").glob("*.tar"))) as tar:
        wave = soundfile.read(io.BytesIO(tar.extractfile(result.names[777]).read()), dtype="int16")[0]
    assert np.array_equal(result.data.block(777, 778)[0].numpy(), wave)


@pytest.mark.skipif(not (REAL / "sounds").is_dir(), reason="the recorded sounds are not here")
def test_recorded_sounds():
    result = read(REAL / "sounds")
    assert len(result.data) == 9 and result.data.space.rate == 44_100 and result.data.given is None
