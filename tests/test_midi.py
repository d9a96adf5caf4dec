"""MIDI files as one voice: files by mido or byte by byte, whose answer is known."""

import struct

import mido
import numpy as np
import pytest

from helpers import SHARED, run_cli
from mtcrnn import gestures
from mtcrnn.core.errors import InputError
from mtcrnn.gestures import midi

END = bytes([0, 0xFF, 0x2F, 0])


def smf(*tracks, division=100, kind=1):
    """The bytes of a file: its header, and each track's events, which end by themselves."""
    head = b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division & 0xFFFF)
    return head + b"".join(b"MTrk" + struct.pack(">I", len(t + END)) + t + END for t in tracks)


def note(wait, number, velocity=127, channel=0):
    return bytes([wait, 0x90 | channel, number, velocity])


def pedal(wait, value, channel=0):
    return bytes([wait, 0xB0 | channel, 64, value])


def meta(wait, kind, *data):
    return bytes([wait, 0xFF, kind, len(data), *data])


def played(path, data):
    """(time, note, gate) of each change."""
    path.write_bytes(data)
    return [(pytest.approx(at), number, gate) for at, number, gate, _ in midi.voice(path)[0]]


ONE = note(0, 60) + note(100, 60, 0)  # down for 100 ticks, that is 0.5 s at the usual tempo
PLAYED = {
    "one note": (smf(ONE), [(0, 60, 1), (0.5, 60, 0)]),
    "tempo": (smf(meta(0, 0x51, 0x0F, 0x42, 0x40) + ONE), [(0, 60, 1), (1, 60, 0)]),
    "a tempo that changes in another track": (
        smf(meta(50, 0x51, 0x0F, 0x42, 0x40), ONE),
        [(0, 60, 1), (0.75, 60, 0)],
    ),
    "SMPTE, 25 frames of 40 ticks": (smf(ONE, division=-25 * 256 + 40), [(0, 60, 1), (0.1, 60, 0)]),
    "SMPTE, 29.97 frames": (smf(ONE, division=-29 * 256 + 10), [(0, 60, 1), (100 / 299.7, 60, 0)]),
    "SMPTE knows no tempo": (
        smf(meta(0, 0x51, 0, 0, 0) + ONE, division=-25 * 256 + 40),
        [(0, 60, 1), (0.1, 60, 0)],
    ),
    "the same note on two channels": (
        smf(note(0, 60) + note(20, 60, channel=1) + note(20, 60, 0) + note(20, 60, 0, channel=1)),
        [(0, 60, 1), (0.1, 60, 1), (0.2, 60, 1), (0.3, 60, 0)],
    ),
    "the older key again": (
        smf(note(0, 60) + note(20, 64) + note(20, 64, 0) + note(20, 60, 0)),
        [(0, 60, 1), (0.1, 64, 1), (0.2, 60, 1), (0.3, 60, 0)],
    ),
    "the pedal": (
        smf(pedal(0, 64) + note(0, 60) + note(20, 60, 0) + pedal(20, 63)),
        [(0, 60, 1), (0.1, 60, 1), (0.2, 60, 0)],
    ),
    "the pedal leaves keys that are down": (
        smf(
            pedal(0, 127) + note(0, 60) + note(20, 64) + note(20, 64, 0) + note(0, 64) + pedal(20, 0) + note(20, 64, 0)
        ),
        [(0, 60, 1), (0.1, 64, 1), (0.2, 64, 1), (0.2, 64, 1), (0.3, 64, 1), (0.4, 60, 1)],
    ),
    "another channel's pedal": (
        smf(pedal(0, 127, channel=1) + ONE),
        [(0, 60, 1), (0.5, 60, 0)],
    ),
    "drums beside": (smf(note(10, 36, channel=9) + note(10, 60)), [(0.1, 60, 1)]),
    "a byte above 127": (smf(bytes([0, 0x90, 200, 127])), [(0, 127, 1)]),
    "a key signature of 11 sharps": (smf(meta(0, 0x59, 11, 1) + ONE), [(0, 60, 1), (0.5, 60, 0)]),
    "a key signature without a key": (smf(meta(0, 0x59) + ONE), [(0, 60, 1), (0.5, 60, 0)]),
    "time before what nobody knows": (smf(meta(100, 0x4B, 1, 2) + ONE), [(0.5, 60, 1), (1, 60, 0)]),
    "running status": (smf(ONE[:4] + ONE[4:5] + ONE[6:]), [(0, 60, 1), (0.5, 60, 0)]),
    "type 0": (smf(ONE, kind=0), [(0, 60, 1), (0.5, 60, 0)]),
}


@pytest.mark.parametrize("case", PLAYED)
def test_what_is_played_when(tmp_path, case):
    data, expected = PLAYED[case]
    assert played(tmp_path / "a.mid", data) == expected


BAD = {
    "text": (b"hello", "cannot be read as MIDI: it does not begin with MThd"),
    "nothing": (b"", "cannot be read as MIDI: it does not begin with MThd"),
    "a head alone": (b"MThd\0\0\0\6", "cannot be read as MIDI: it ends too early"),
    "half a track": (smf(ONE)[:-6], "cannot be read as MIDI: it ends too early"),
    "no track": (smf(), "holds no notes"),
    "no notes": (smf(pedal(0, 127)), "holds no notes"),
    "drums alone": (smf(note(0, 36, channel=9)), r"holds no notes except drums \(channel 10\), which have no pitch"),
    "no tempo": (smf(meta(0, 0x51, 0, 0, 0) + ONE), "has a tempo of 0 s per beat, so its duration is unknown"),
    "no ticks a beat": (smf(ONE, division=0), "has 0 ticks per beat, so its duration is unknown"),
    "no ticks a frame": (smf(ONE, division=-25 * 256), "has 0 ticks per frame, so its duration is unknown"),
    "type 2": (smf(ONE, ONE, kind=2), r"holds several pieces \(MIDI type 2\); give one of type 0 or 1"),
    "years": (
        smf(b"\xff\xff\xff\x7f" + ONE[1:], division=1),
        "1.34218e.08 s at 100 values per second is too long; at most 10,000,000 values",
    ),
    "ages": (smf(b"\xff" * 2000 + b"\x7f" + ONE[1:]), "a message waits for more than 268435456 ticks"),
    "for ever": (smf(b"\xff" * 20000 + b"\x7f" + ONE[1:]), "or an endless number"),
    "too large": (smf(ONE) + bytes(midi.MOST_BYTES), "it has over 2,000,000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_files_without_an_answer(tmp_path, capsys, case):
    data, message = BAD[case]
    (tmp_path / "a.mid").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.mid:? .*{message}"):
        gestures.from_midi(tmp_path / "a.mid")
    assert run_cli(capsys, "gesture", tmp_path / "g", f"note=midi:{tmp_path / 'a.mid'}")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"]


def test_drums_are_left_out_and_that_is_said(tmp_path, caplog):
    assert played(tmp_path / "a.mid", smf(note(0, 36, channel=9) + ONE)) == [(0, 60, 1), (0.5, 60, 0)]
    assert "a.mid: the drums (channel 10) are left out" in caplog.text


@pytest.mark.slow
def test_as_many_notes_as_an_evening_of_piano(tmp_path):
    """20,000 notes under a pedal that is never lifted, on all channels and keys: each is the newest when it begins."""
    track = mido.MidiTrack()
    numbers = [21 + k % 88 for k in range(20000)]
    for channel in range(16):
        track.append(mido.Message("control_change", control=64, value=127, channel=channel))
    for k, number in enumerate(numbers):
        channel = k % 9
        track.append(mido.Message("note_on", note=number, velocity=64, time=1, channel=channel))
        track.append(mido.Message("note_off", note=number, time=0, channel=channel))
    file = mido.MidiFile(ticks_per_beat=50, tracks=[track])  # 100 ticks a second
    file.save(tmp_path / "a.mid")
    made = gestures.from_midi(tmp_path / "a.mid")
    assert made.shape == (20000, 3)
    np.testing.assert_array_equal(made[:, 0], [numbers[0], *numbers[:-1]])
    np.testing.assert_array_equal(made[:, 1], [0, *[1] * 19999])
    np.testing.assert_allclose(made[:, 2], 64 / 127)


@pytest.mark.skipif(not (SHARED / "cases" / "midi").is_dir(), reason="../shared/cases is not here")
@pytest.mark.parametrize(
    ("name", "rows", "gate"),
    [("smpte", 96, 1.0), ("two_channels_same_note", 200, 1.0), ("sustain", 100, 1.0), ("keysig", 50, 1.0)],
)
def test_files_that_went_wrong_once(name, rows, gate):
    made = gestures.from_midi(SHARED / "cases" / "midi" / f"{name}.mid")
    assert made.shape == (rows, 3)
    assert made[:, 1].mean() == gate
