"""Files that appear together, or not at all; and values that are kept on disk."""

import errno
import io
import itertools
import os

import numpy as np
import pytest

from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError
from mtcrnn.core.files import write_together
from mtcrnn.rendering import write as takes
from mtcrnn.rendering.write import Values, stem_of


@pytest.mark.parametrize(
    ("out", "stem"),
    [
        ("take", "take"),
        ("take0.5", "take0.5"),
        ("take.wav", "take"),
        ("take0.5.npy", "take0.5"),
        ("take.WAV", "take"),
        ("take.wav.npy", "take.wav"),
        ("a/b.c/take.1", "a/b.c/take.1"),
        ("new/", "new/generated"),
        ("there", "there/generated"),
        ("..", "../generated"),
        ("~/take", "home/take"),
    ],
)
def test_the_stem_of_a_name(tmp_path, monkeypatch, out, stem):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "home")
    assert stem_of(out, "generated").as_posix() == stem


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("", "'' is not a file name"),
        (".wav", "'.wav' is not a file name"),
        ("a\0b", "is not a file name"),
        (".", r"\. is a folder; give the name of a file"),
        ("new/", "new/ is a folder; give the name of a file"),
    ],
)
def test_what_is_no_name(out, message):
    with pytest.raises(InputError, match=message):
        stem_of(out)


def write_two(folder, first, second=b"new"):
    with write_together([folder / "a.wav", folder / "b.npy"]) as new:
        (new / "a.wav").write_bytes(first)
        if isinstance(second, BaseException):
            raise second
        (new / "b.npy").write_bytes(second)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_appear_together_and_what_was_there_is_kept(tmp_path, caplog):
    write_two(tmp_path / "deep" / "er", b"1")
    write_two(tmp_path / "deep" / "er", b"2")
    assert contents(tmp_path / "deep" / "er") == {
        "a.wav": b"2", "a.previous-1.wav": b"1", "b.npy": b"new", "b.previous-1.npy": b"new",
    }  # fmt: skip
    assert "a.wav existed: kept as a.previous-1.wav" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError(), OSError(errno.ENOSPC, "No space left")])
def test_after_an_error_all_is_as_before(tmp_path, error):
    write_two(tmp_path, b"old")
    before = contents(tmp_path)
    expected = InputError if isinstance(error, OSError) else type(error)
    for folder in (tmp_path, tmp_path / "new" / "newer"):
        with pytest.raises(expected) as caught:
            write_two(folder, b"half", error)
        if expected is InputError:
            assert str(caught.value) == f"cannot write {folder / 'a.wav'}: No space left; nothing there was changed"
        assert contents(tmp_path) == before


def test_a_full_disk_is_found_before_anything_moves(tmp_path, monkeypatch):
    write_two(tmp_path, b"old")
    before = contents(tmp_path)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device; nothing there was changed"):
        write_two(tmp_path, b"new")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("length", [245, 260])
def test_too_long_a_name_is_refused_before_the_work(tmp_path, length):
    """Names of 255 bytes are the most; one of 245 fits, but not where it would go if another take came."""
    with pytest.raises(InputError, match="File name too long"), write_together([tmp_path / f"{'x' * length}.wav"]):
        pytest.fail("the work has begun")
    assert not list(tmp_path.iterdir())


def test_values_are_the_array_and_the_wavs_that_were_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(takes, "CHUNK", 7)
    rng = np.random.default_rng(1)
    for G, cuts in ((1, [0, 1, 8, 50]), (3, [0, 50])):
        expected = rng.uniform(-1.5, 1.5, (4, 50, G)).astype(np.float32)
        with Values(tmp_path / "values", expected.shape) as values:
            for first, last in itertools.pairwise(cuts):
                values.append(expected[:, first:last])
            for b in range(4):
                assert (np.concatenate([*values.sound(b)]) == expected[b]).all()
            values.write_wav(2, tmp_path / "a.wav", 44100) if G == 1 else None
        buffer = io.BytesIO()
        np.save(buffer, expected)
        assert (tmp_path / "values").read_bytes() == buffer.getvalue()
        if G == 1:
            assert (tmp_path / "a.wav").read_bytes() == sound_files.wav_bytes(expected[2, :, 0], 44100)
