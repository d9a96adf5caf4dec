import itertools

import numpy as np
import pytest

from helpers import SHARED, needs_real_data, tone_set, write_params, write_wav
from mtcrnn.audio import files as sound_files
from mtcrnn.audio.mulaw import FloorMuLaw, MuLaw
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data import store
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.windows import streams

TIER = Tier(prop=("pitch", "gain"), sample_rate=1000, mulaw_channels=64)


def tones(folder, **options):
    return Corpus(TIER, ParamManager(tone_set(folder, **options)))


def test_everything_stands_where_offsets_say(tmp_path):
    corpus = tones(tmp_path)
    assert corpus.offsets.tolist() == [0, 1000, 2000, 3000]
    assert corpus.values.dtype == np.uint8
    t = np.arange(1000) / 1000
    wave = np.round(0.5 * np.sin(2 * np.pi * 70 * t) * 32768) / 32768  # as 16 bits hold it
    codes = MuLaw(64).encode(wave)
    assert np.abs(corpus.values[1000:2000, 0].astype(int) - codes).max() <= 1
    assert corpus.ranges["pitch"].low == 50
    assert corpus.ranges["pitch"].high == 100
    np.testing.assert_allclose(corpus.conditioning[1000:2000][:, 0], (20 + 10 * t) / 50, atol=1e-6)
    assert (corpus.conditioning[:][:, 1] == 0.5).all()


def test_every_window_lies_inside_one_file_and_on_the_stride(tmp_path):
    corpus = tones(tmp_path)
    write_wav(tmp_path / "short.wav", np.zeros(41))
    write_params(tmp_path / "short.params", pitch=([0, 1], [50, 50]), gain=([0, 1], [0, 0]))
    corpus = Corpus(TIER, ParamManager(tmp_path))
    windows, held_out = corpus.split(seq_len=40, stride=7, holdout="tail")
    starts = windows.starts(np.arange(len(windows)))
    assert len(starts) == 3 * ((900 - 41) // 7 + 1) + 1 == len(set(starts.tolist()))
    for start in starts:
        i = np.searchsorted(corpus.offsets, start, side="right") - 1
        begin, end = corpus.offsets[i], corpus.offsets[i + 1]
        assert (start - begin) % 7 == 0
        assert start + 41 <= (end - 100 if end - begin == 1000 else end)
    tested = held_out.starts(np.arange(len(held_out)))
    assert len(tested) == 3 * 2
    spans = {(int(s), int(s) + 41) for s in starts}
    for s in tested:
        assert all(e <= s or b >= s + 41 for b, e in spans), "held-out values were trained on"


def test_batches_are_a_pure_function_of_seed_and_step(tmp_path):
    corpus = tones(tmp_path)
    windows, _ = corpus.split(40, 1, "none")
    one, same = corpus.batch(windows, 8, seed=3, step=5), corpus.batch(windows, 8, seed=3, step=5)
    assert (one.values == same.values).all()
    assert (one.conditioning == same.conditioning).all()
    assert one.values.shape == (8, 41, 1)
    assert one.conditioning.shape == (8, 40, 2)
    for seed, step in ((3, 6), (4, 5)):
        assert (corpus.batch(windows, 8, seed, step).values != one.values).any()


def test_a_window_is_a_slice_and_conditions_are_the_targets(tmp_path):
    corpus = tones(tmp_path)
    batch = corpus.gather(np.array([5, 1100]), 40)
    assert (batch.values[1] == corpus.values[1100:1141]).all()
    assert (batch.conditioning[1] == corpus.conditioning[1101:1141]).all()


def test_all_windows_are_drawn_about_equally_often(tmp_path, monkeypatch):
    corpus = tones(tmp_path)
    windows, _ = corpus.split(40, 100, "none")
    starts = windows.starts(np.arange(len(windows)))
    drawn: list[int] = []
    monkeypatch.setattr(corpus, "gather", lambda chosen, _: drawn.extend(np.searchsorted(starts, chosen)))
    for k in range(60):
        corpus.batch(windows, 100, 0, k)
    counts = np.bincount(drawn, minlength=len(windows))
    expected = 6000 / len(windows)
    assert len(counts) == len(windows) == 30
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all(), counts  # seed 0; 5 standard deviations


def test_hold_out_by_file(tmp_path):
    corpus = tones(tmp_path)
    for name in ("tone1.wav", "tone1"):
        training, testing = corpus.split(40, 1, f"file:{name}")
        assert training.first.tolist() == [0, 2000]
        assert testing.first.tolist() == [1000]
    with pytest.raises(InputError, match=r"`holdout` file:nix: no such sound; there are tone0.wav, tone1.wav"):
        corpus.split(40, 1, "file:nix")


@pytest.mark.parametrize(
    ("seq_len", "held_out_len"), [(40, 40), (99, 99), (100, 50), (600, 50), (900, 50), (901, None)]
)
def test_windows_of_tails_are_as_long_as_the_tails_allow(tmp_path, seq_len, held_out_len):
    """Tails of 100 values. Where a file could not train on one window without its tail, nothing is held out."""
    training, testing = tones(tmp_path).split(seq_len, 1, "tail")
    assert testing.first.tolist() == ([900, 1900, 2900] if held_out_len and seq_len < 900 else [])
    assert held_out_len is None or testing.seq_len == held_out_len
    ends = training.first + training.count + seq_len
    assert ends.tolist() == ([900, 1900, 2900] if len(testing.first) else [1000, 2000, 3000])


def test_short_files_are_named_and_the_others_used(tmp_path, caplog):
    write_wav(tmp_path / "short.wav", np.zeros(40))
    write_params(tmp_path / "short.params", pitch=([0, 1], [50, 50]), gain=([0, 1], [0, 0]))
    corpus = tones(tmp_path)
    training, _ = corpus.split(40, 1, "none")
    assert len(training.first) == 3
    assert "left out as too short (a window of `seq_len` 40 needs 41 values): short.wav (40)" in caplog.text
    with pytest.raises(
        InputError, match=r"no file is long enough to train on: .* needs 5001 values.*tone0.wav \(1000\)"
    ):
        corpus.split(5000, 1, "none")


def test_mixing_and_resampling_are_said_once(tmp_path, caplog):
    tone_set(tmp_path, files=2, sample_rate=2000)
    write_wav(tmp_path / "tone2.wav", np.zeros((1000, 2)))
    write_params(tmp_path / "tone2.params", pitch=([0, 1], [50, 50]), gain=([0, 1], [0, 0]))
    corpus = Corpus(TIER, ParamManager(tmp_path))
    assert corpus.offsets.tolist() == [0, 1000, 2000, 3000]
    assert caplog.text.count("mixed to mono") == caplog.text.count("resampled") == 1
    assert "2 channels, mixed to mono, in 1 of 3 sounds: tone2.wav" in caplog.text
    assert "2000 Hz, resampled to 1000 Hz, in 2 of 3 sounds: tone0.wav, tone1.wav" in caplog.text


def test_large_sets_are_memory_mapped_and_equal(tmp_path, monkeypatch):
    small = tones(tmp_path)
    monkeypatch.setattr(store, "MEMORY_LIMIT", 0)
    large = Corpus(TIER, ParamManager(tmp_path))
    assert isinstance(large.values, np.memmap)
    assert (large.values == small.values).all()
    assert (large.conditioning[:] == small.conditioning[:]).all()


def test_no_wavs(tmp_path):
    with pytest.raises(InputError, match="holds no sounds"):
        Corpus(TIER, ParamManager(tmp_path))
    with pytest.raises(InputError, match="no such folder of sounds"):
        Corpus(TIER, ParamManager(tmp_path / "nowhere"))


@needs_real_data
def test_the_brass_notes_load_without_parameters():
    corpus = Corpus(Tier(), ParamManager(SHARED / "data" / "nsynth_brass"))
    assert np.diff(corpus.offsets) == pytest.approx([51070] * 10, abs=20)  # of 64,000, the rest are zeros


def test_streams_walk_through_files_and_are_a_pure_function_of_the_step(tmp_path):
    corpus = tones(tmp_path, seconds=20.0)
    windows, _ = corpus.split(40, 1, "none")
    before, walked = None, []
    for step in range(1, 260):
        before = streams(windows, 6, seed=2, step=step, before=before)
        walked.append(before)
    for step in (1, 2, 99, 100, 101, 207, 259):
        direct = streams(windows, 6, seed=2, step=step)
        assert (direct.starts == walked[step - 1].starts).all(), step
        assert (direct.fresh == walked[step - 1].fresh).all(), step
    assert walked[0].fresh.all()
    for earlier, later in itertools.pairwise(walked):
        on = ~later.fresh
        assert (later.starts[on] == earlier.starts[on] + 40).all()
    inside = (np.stack([s.starts for s in walked]) % 20000) + 41 <= 20000
    assert inside.all(), "a window crosses the end of its file"
    fresh = np.stack([s.fresh for s in walked])
    assert fresh[1:].any(axis=0).all()
    assert fresh[1:].mean() < 0.05


def test_streams_jump_with_what_they_have_read(tmp_path):
    """A jump begins at a random window, after the last value before it; everything else is as without jumps."""
    seed = 2
    corpus = tones(tmp_path, seconds=20.0)
    windows, _ = corpus.split(40, 1, "none")
    before, walked = None, []
    for step in range(1, 260):
        before = streams(windows, 6, seed, step, before, jumps=0.2)
        walked.append(before)
    for step in (2, 100, 207, 259):
        direct = streams(windows, 6, seed, step, jumps=0.2)
        for name in ("starts", "fresh", "before"):
            assert (getattr(direct, name) == getattr(walked[step - 1], name)).all(), (step, name)
    jumped = 0
    for earlier, later in itertools.pairwise(walked):
        jump = later.before != later.starts
        on = ~later.fresh & ~jump
        assert not (jump & later.fresh).any()
        assert (later.before[jump] == earlier.starts[jump] + 40).all()
        assert (later.starts[on] == earlier.starts[on] + 40).all()
        jumped += jump.sum()
    expected = 0.2 * 6 * 258
    assert abs(jumped - expected) < 5 * (0.8 * expected) ** 0.5, f"seed {seed}"


def test_a_models_own_codec_reads_the_sound(tmp_path):
    data = ParamManager(tone_set(tmp_path))
    ours, theirs = Corpus(TIER, data), Corpus(TIER, data, codec="mulaw-floor")
    samples = sound_files.read(ours.names[0]).samples
    assert (theirs.values[:1000, 0] == FloorMuLaw(64).encode(samples)).all()
    assert (theirs.values != ours.values).any()


def test_curves_of_any_stretch_are_those_of_the_whole(tmp_path):
    corpus = tones(tmp_path)
    whole = corpus.conditioning[:]
    assert whole.dtype == np.float32
    rng = np.random.default_rng(3)
    for _ in range(50):
        start, end = sorted(rng.integers(0, 3001, 2).tolist())
        assert (corpus.conditioning[start:end] == whole[start:end]).all(), "seed 3"
    starts = np.concatenate([rng.integers(0, 900, 20) + 1000 * k for k in range(3)])
    windows = corpus.conditioning.windows(starts, 100)
    assert (windows == np.stack([whole[start : start + 100] for start in starts])).all(), "seed 3"
    assert corpus.conditioning.extremes("pitch", 3) == (50, 100)
    assert len(corpus.conditioning.spread(300)) == 300


def test_what_was_left_out_is_told(tmp_path, caplog):
    tone_set(tmp_path)
    (tmp_path / "tone9.m4a").touch()
    Corpus(TIER, ParamManager(tmp_path))
    assert caplog.messages == ["left out, a format that is not read: tone9.m4a"]
