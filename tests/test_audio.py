import numpy as np
import pytest

from helpers import write_wav
from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError


@pytest.mark.parametrize(("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23)])
def test_a_ramp_comes_back_within_one_step_of_its_width(tmp_path, subtype, step):
    ramp = np.linspace(-0.9, 0.9, 500)
    read = sound_files.read(write_wav(tmp_path / "a.wav", ramp, subtype=subtype))
    assert np.abs(read.samples - ramp).max() <= step
    assert (read.sample_rate, read.file_channels, read.duration_s) == (1000, 1, 0.5)


def test_float_wavs_come_back_exactly(tmp_path):
    ramp = np.linspace(-0.9, 0.9, 500, dtype=np.float32)
    assert (sound_files.read(write_wav(tmp_path / "a.wav", ramp, subtype="FLOAT")).samples == ramp).all()


def test_channels_are_mixed_to_their_mean(tmp_path):
    both = np.stack([np.full(50, 0.5), np.full(50, -0.25)], axis=1)
    read = sound_files.read(write_wav(tmp_path / "a.wav", both, subtype="FLOAT"))
    assert read.file_channels == 2
    assert (read.samples == 0.125).all()


def test_resampling_keeps_a_tone(tmp_path):
    tone = lambda rate: 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)  # noqa: E731
    read = sound_files.read(write_wav(tmp_path / "a.wav", tone(44100), 44100, "FLOAT"), 16000)
    assert (read.sample_rate, read.file_sample_rate, len(read.samples)) == (16000, 44100, 16000)
    assert np.abs(read.samples - tone(16000))[200:-200].max() < 1e-3  # the ends ring


def test_write_is_24_bit_and_clips(tmp_path):
    sound_files.write(tmp_path / "a.wav", np.array([-2.0, 0.25, 2.0], np.float32), 8000)
    import soundfile

    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_24"
    back = sound_files.read(tmp_path / "a.wav")
    assert back.sample_rate == 8000
    np.testing.assert_allclose(back.samples, [-1.0, 0.25, 1.0], atol=2**-22)


def test_find_takes_any_depth_and_case(tmp_path):
    write_wav(tmp_path / "x" / "y" / "b.WAV", [0.0])
    write_wav(tmp_path / "a.wav", [0.0])
    assert [p.name for p in sound_files.find(tmp_path)[0]] == ["a.wav", "b.WAV"]


def broken(tmp_path, content: bytes):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    return path


def test_bad_wavs_are_one_clear_line(tmp_path):
    whole = write_wav(tmp_path / "a.wav", np.zeros(1000)).read_bytes()
    cases = {
        whole[:500]: r"bad\.wav is truncated: its header promises 2000 bytes of sound, but it holds 456",
        whole[:44]: r"bad\.wav is (truncated|empty)",
        whole[:20]: r"bad\.wav cannot be read as sound",
        b"": r"bad\.wav cannot be read as sound: .*not recognised",
        b"hello": r"bad\.wav cannot be read as sound: .*not recognised",
    }
    for content, message in cases.items():
        with pytest.raises(InputError, match=message):
            sound_files.read(broken(tmp_path, content))
    with pytest.raises(InputError, match="is empty: it holds no samples"):
        sound_files.read(write_wav(tmp_path / "e.wav", np.zeros(0)))
    with pytest.raises(InputError, match="not finite numbers"):
        sound_files.read(write_wav(tmp_path / "n.wav", [0.0, np.nan], subtype="FLOAT"))


def test_streamed_wavs_with_an_open_end_are_whole(tmp_path):
    whole = bytearray(write_wav(tmp_path / "a.wav", np.full(100, 0.5)).read_bytes())
    whole[40:44] = b"\xff\xff\xff\xff"
    assert len(sound_files.read(broken(tmp_path, bytes(whole))).samples) == 100
