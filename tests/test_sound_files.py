"""Every format that libsndfile reads, wrong headers, odd sounds, what lies beside sounds."""

import os
import struct

import numpy as np
import pytest
import soundfile

from helpers import run_cli, write_params, write_wav
from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError

RATE = 16000
SINE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE).astype(np.float32)
FORMATS = {  # ending: (libsndfile's format, coding, how far it may be from the sine, where it does not filter)
    "wav": ("WAV", "PCM_24", 1e-6),
    "WAV": ("WAV", "FLOAT", 0),
    "flac": ("FLAC", "PCM_16", 1e-4),
    "ogg": ("OGG", "VORBIS", None),
    "opus": ("OGG", "OPUS", None),
    "mp3": ("MP3", "MPEG_LAYER_III", None),
    "aiff": ("AIFF", "PCM_16", 1e-4),
    "Aif": ("AIFF", "PCM_24", 1e-6),
    "w64": ("W64", "PCM_16", 1e-4),
    "rf64": ("RF64", "PCM_16", 1e-4),
    "au": ("AU", "PCM_16", 1e-4),
    "caf": ("CAF", "PCM_16", 1e-4),
    "gsm.wav": ("WAV", "GSM610", None),  # cannot be read but from front to back
    "g721.au": ("AU", "G721_32", None),
    "nms.wav": ("WAV", "NMS_ADPCM_16", None),
}


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_a_sound(tmp_path, ending):
    kind, coding, far = FORMATS[ending]
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, SINE, RATE, format=kind, subtype=coding)
    assert sound_files.find(tmp_path) == ([path], [])
    read = sound_files.read(path)
    assert read.sample_rate == RATE
    assert abs(len(read.samples) - len(SINE)) <= 2000
    peaks = np.abs(np.fft.rfft(read.samples[:4000]))  # 4 Hz apart
    assert np.argmax(peaks) == 110
    if far is not None:
        assert np.abs(read.samples[: len(SINE)] - SINE).max() <= far


def test_blocks_are_the_whole_in_any_rate(tmp_path, monkeypatch):
    path = write_wav(tmp_path / "a.wav", np.stack([SINE, SINE / 2], axis=1), 44100)
    whole = sound_files.read(path, 16000).samples
    monkeypatch.setattr(sound_files, "BLOCK", 777)
    with sound_files.source(path, 16000) as source:
        parts = list(source)
    assert len(parts) > 5
    assert (np.concatenate(parts)[:, 0] == whole).all()


def wav(size: int, riff: int = 36, data: bytes = SINE[:1000].tobytes(), after: bytes = b"") -> bytes:
    """A float wav whose header says that it holds `size` bytes of sound."""
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, RATE, 4 * RATE, 4, 32)
    return head + b"data" + struct.pack("<I", size) + data + after


@pytest.mark.parametrize("size", [0, 4096, 0x7FFFF000, 0x7FFFFFFF - 44, 0x80000000, 0xFFFFFFFF, 4000 + 12])
def test_sizes_that_pipes_and_dying_recorders_write(tmp_path, size):
    (tmp_path / "a.wav").write_bytes(wav(size))
    assert (sound_files.read(tmp_path / "a.wav").samples == SINE[:1000]).all()


def test_what_is_truncated_or_empty_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(100_000))
    with pytest.raises(InputError, match="is truncated: its header promises 100000 bytes of sound, but it holds 4000"):
        sound_files.read(path)
    path.write_bytes(wav(0, data=b"", after=b"LIST" + struct.pack("<I", 4) + b"INFO"))
    with pytest.raises(InputError, match="is empty"):
        sound_files.read(path)
    flac = tmp_path / "a.flac"
    soundfile.write(flac, SINE, RATE)
    content = bytearray(flac.read_bytes())
    content[21] &= 0xF0  # the 36 bits of the number of samples
    content[22:26] = bytes(4)
    flac.write_bytes(content)
    assert len(sound_files.read(flac).samples) == len(SINE)  # 0 stands for unknown: written into a pipe
    content[21] |= 0x0F
    content[22:26] = b"\xff\xff\xff\xff"
    flac.write_bytes(content)
    with pytest.raises(InputError, match="is truncated: its header promises 68719476735 samples, but it holds 8000"):
        sound_files.read(flac)
    path.write_bytes(wav(4000).replace(struct.pack("<I", RATE), struct.pack("<I", 1), 1))
    with pytest.raises(InputError, match="has a sample rate of 1 Hz; it must be 1000 to 768000"):
        sound_files.read(path)


ODD = {  # kind: (samples, what is found)
    "samples beyond full scale, which are clipped": (SINE * 4, "to 2"),
    "clipping": (np.clip(SINE * 8, -1, 1), " times"),
    "silence": (SINE * 0, "nothing but zeros"),
    "channels out of phase": (np.stack([SINE, -0.8 * SINE], axis=1), "19 dB are lost in mono"),
    "digital silence": (np.concatenate([SINE, np.zeros(20000), SINE]), "1.3 s of zeros in a row"),
    "DC (a mean that is not 0)": (SINE + 0.1, "+0.100"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_sounds_are_remarked_upon(tmp_path, kind, capsys):
    samples, found = ODD[kind]
    write_wav(tmp_path / "odd.wav", samples, RATE, "FLOAT")
    write_params(tmp_path / "odd.params", p=([0, 0.5], [1, 1]))
    remarks = sound_files.read(tmp_path / "odd.wav").remarks
    assert list(remarks) == [kind]
    assert found in remarks[kind]
    code, out, _ = run_cli(capsys, "params", "check", tmp_path)
    assert code == 0
    assert f"odd.wav: {kind} (" in out
    assert out.endswith("1 sound, 1 remark\n")


def test_zeros_are_counted_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(sound_files, "BLOCK", 1000)
    write_wav(tmp_path / "a.wav", np.concatenate([SINE, np.zeros(RATE), SINE]), RATE)
    assert sound_files.read(tmp_path / "a.wav").remarks == {"digital silence": "1.0 s of zeros in a row"}


def test_nothing_is_remarked_upon_a_plain_sound(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((RATE, 2))
    assert sound_files.read(write_wav(tmp_path / "a.wav", noise, RATE)).remarks == {}


def test_sounds_that_cannot_be_meant_are_refused(tmp_path):
    cases = {
        "samples up to 16383.5, where 1 is full scale: divide them .by 32768.": SINE * 32767,
        "its channels cancel each other": np.stack([SINE, -SINE], axis=1),
        "not finite numbers": np.where(SINE > 0.4, np.inf, SINE),
    }
    for message, samples in cases.items():
        with pytest.raises(InputError, match=message):
            sound_files.read(write_wav(tmp_path / "a.wav", samples, RATE, "FLOAT"))


def test_what_lies_beside_sounds(tmp_path):
    for name in ("b/a.wav", "b/._a.wav", "__MACOSX/a.wav", ".hidden/a.wav", "b/c.FLAC", "b/d.m4a", "b/notes.txt"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_wav(tmp_path / "elsewhere" / "linked.wav", SINE, RATE)
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "b" / "round").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    found, left = sound_files.find(tmp_path / "set")
    assert [os.path.relpath(path, tmp_path / "set") for path in found] == ["b/a.wav", "b/c.FLAC", "link/linked.wav"]
    assert sorted(left) == [
        "left out, a broken link, or no permission to open it: gone.wav",
        "left out, a format that is not read: b/d.m4a",
        "left out, a second path to the same folder: b/round",
    ]


def test_accents_may_be_spelt_in_either_way(tmp_path, capsys):
    write_wav(tmp_path / "bl\u00e4ser_p1.wav", SINE, RATE)
    write_params(tmp_path / "bla\u0308ser_p1.params", p=([0, 0.5], [1, 1]))
    assert run_cli(capsys, "params", "check", tmp_path)[:2] == (0, "1 sound, no problems\n")


def test_names_that_are_no_text(tmp_path, capsys):
    folder = os.fsencode(tmp_path / "set")
    os.mkdir(folder)
    write_wav(tmp_path / "a.wav", SINE, RATE)
    os.rename(os.fsencode(tmp_path / "a.wav"), folder + b"/bl\xe4ser_p1.wav")
    code, _, error = run_cli(capsys, "params", "from-names", tmp_path / "set")
    assert code == 0, error
    assert run_cli(capsys, "params", "check", tmp_path / "set")[0] == 0


def test_all_formats_through_check_training_and_generation(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k, (ending, (kind, coding, _)) in enumerate(FORMATS.items()):
        soundfile.write(tmp_path / f"s{k}_p{k}.{ending.rpartition('.')[2]}", SINE, RATE, format=kind, subtype=coding)
    (tmp_path / "pipe_p77.wav").write_bytes(wav(0x7FFFF000))
    (tmp_path / "dead_p78.wav").write_bytes(wav(0))
    (tmp_path / "._s0_p0.wav").write_bytes(b"Mac OS X")
    code, out, error = run_cli(capsys, "params", "from-names", ".")
    assert (code, out) == (0, f"p: {len(FORMATS) + 2} values from 0 to 78\nlabelled {len(FORMATS) + 2} sounds\n"), error
    assert run_cli(capsys, "params", "check", ".")[:2] == (0, f"{len(FORMATS) + 2} sounds, no problems\n")
    words = "train --data_dir . --prop p --net gru --hidden_size 8 --num_steps 2 --seq_len 64 --batch_size 2"
    code, _, error = run_cli(capsys, *words.split(), "--output_dir", "./run")
    assert code == 0, error
    for name in ("s3_p3.ogg", "s5_p5.mp3", "s13_p13.au"):
        words = ["generate", "--model_dir", "./run", "--seed", name, "--length", 100, "--out", f"like {name}"]
        code, out, error = run_cli(capsys, *words, "--rand_seed", 1)
        assert code == 0, error
