"""What a net reads of a sound a period ago: lags, training data, players."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers import tiny_train, write_params, write_wav
from mtcrnn.audio.clock import HANDS
from mtcrnn.audio.lags import FADING, FRACTIONS, LAGS, NO_LAG, find_lags, hear_block, reach
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range, restore
from mtcrnn.config.tier import Tier
from mtcrnn.data import corpus as corpus_module
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.windows import Streams
from mtcrnn.engine import Engine
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.torch_player import TorchPlayer
from mtcrnn.training import run as training

RATE, LONGEST = 8000, 4000
TIERS = {
    "mono": Tier(prop=("hz", "level"), sample_rate=RATE, mulaw_channels=255, bands=4, period=("hz=hz",)),
    "stereo": Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=63, bands=4, channels="stereo", period=("hz=hz",)),
    "frame": Tier(prop=("hz", "level"), sample_rate=RATE, mulaw_channels=62, period=("hz=hz", "level=90+30*level")),
    "rhythm": Tier(prop=("hz", "level"), sample_rate=RATE, mulaw_channels=62, period=("hz=hz", "level=3*level")),
}

NETS = {"mono": "subband", "stereo": "subband", "frame": "frame", "rhythm": "frame"}


def lags_of(hertz, bands):
    """The lags [T, LAGS] of steps, in samples."""
    phases = np.cumsum(np.asarray(hertz) * bands / RATE)
    found = np.empty((len(phases), LAGS), np.int64)
    find_lags(phases, 0, bands, reach(bands).least, LONGEST, found)
    return found / FRACTIONS, phases


@pytest.mark.parametrize("bands", [1, 4, 8])
@pytest.mark.parametrize("hertz", [5, 47.3, 440, 3000])
def test_a_lag_is_the_fewest_periods_that_reach_what_is_known(bands, hertz):
    lags, _ = lags_of(np.full(4000, hertz), bands)
    period, least = RATE / hertz, reach(bands).least
    first = np.ceil(least / period) * period
    np.testing.assert_allclose(lags[-1], first + period * np.arange(LAGS), atol=0.5 / FRACTIONS + 1e-6)
    begun = int(np.argmax(lags[:, 0] > 0))
    assert begun * bands == pytest.approx(first, abs=2 * bands)
    assert (lags[:begun] == NO_LAG).all()
    assert (lags[begun:, 0] > 0).all()


def test_on_a_glide_the_phase_was_less_by_whole_periods():
    hertz = np.geomspace(40, 400, 4000)
    lags, phases = lags_of(hertz, 4)
    there = lags[:, 0] > 0
    before = np.interp(np.arange(4000)[:, None] - lags / 4, np.arange(4000), phases)
    periods = (phases[:, None] - before)[there]
    np.testing.assert_allclose(periods, np.round(periods), atol=0.003)
    np.testing.assert_allclose(periods[-1000:, 1] - periods[-1000:, 0], 1, atol=0.003)


def test_without_a_period_there_is_no_lag():
    hertz = np.concatenate([np.full(500, 100.0), np.zeros(300), np.full(300, 100.0)])
    lags, _ = lags_of(hertz, 4)
    assert (lags[500:800] == NO_LAG).all()
    assert lags[450, 0] == lags[1000, 0] == 80 * np.ceil(reach(4).least / 80)
    slow, _ = lags_of(np.full(3000, 1.5), 4)  # longer than `LONGEST`
    assert (slow == NO_LAG).all()
    short, _ = lags_of(np.full(3000, 2.5), 4)  # only once
    assert (short[-1] == 3200).all()


@pytest.mark.parametrize("lag", [128, 400.5, 3000])
@pytest.mark.parametrize("bands", [1, 8])
def test_what_was_heard_fades_to_a_quarter_within_a_lag(bands, lag):
    sound = np.zeros((2, 8000), np.float32)
    sound[1, 800] = -0.5
    lags = np.full((1000, 2, LAGS), round(lag * FRACTIONS), np.int64)
    lags[:, 1] = NO_LAG
    found = np.empty((1000, 2), np.float32)
    hear_block(sound[:, : 1000 * bands], 0, lags, bands, np.zeros(2, np.float32), found)
    at = 800 // bands
    since = np.maximum(np.arange(1000) - at - 1, 0)
    expected = np.where(np.arange(1000) > at, 0.5 * (1 + FADING * bands / lag) ** -since, 0)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4)
    assert expected[at + 1 + round(lag / bands)] == pytest.approx(0.125, rel=0.1) if lag / bands + at < 900 else True
    np.testing.assert_array_equal(found[:, 1], np.where(np.arange(1000) > at, 0.5, 0))


def test_a_sound_that_was_lost_is_told_from_one_that_rests():
    """Between pulses, the number is near 1; a few lags after the last one, it is that of a sound that has not begun."""
    _, engine = playing("frame")
    look, steps, period = engine.lookback, 2000, RATE // 50
    parameters = np.stack([np.full(steps, 50.0), np.zeros(steps)], axis=-1)[None]
    block, found = look.begin(look.init(1), parameters), []
    for t in range(steps):
        found.append(look.read(block, t, np.zeros((1, 2), np.float32))[0, 2 + 2 * HANDS])
        look.add(block, t, np.array([[61 if t % period == 0 and t < 1000 else 31]]))
    first = int(np.argmax(np.array(found) > 0))
    assert reach(1).least <= first <= reach(1).least + period
    assert min(found[first:1100]) > 0.6
    assert max(found[1800:]) < 0.05


def periodic_set(folder, tier, seconds=1.0):
    """Sounds that repeat `hz` times a second, up to 2 kHz: constant, and a slow glide; stereo where the tier is."""
    for k, (low, high) in enumerate([(90, 90), (231.7, 231.7), (120, 125)]):
        t = np.arange(round(seconds * RATE)) / RATE
        phase = 2 * np.pi * np.cumsum(low + (high - low) * t / seconds) / RATE
        sides = [sum(np.cos(j * phase + j * j + side) for j in range(1, 1 + int(2000 / high))) for side in (0, 1)]
        frames = 0.02 * np.stack(sides, axis=1)
        write_wav(folder / f"{k}.wav", frames if tier.channels == "stereo" else frames[:, 0], RATE)
        write_params(folder / f"{k}.params", hz=([0, seconds], [low, high]), level=([0, seconds], [0.5, 1]))
    return folder


@pytest.mark.parametrize("name", TIERS)
def test_in_the_data_a_periodic_sound_was_what_it_is(tmp_path, name):
    """The numbers a period ago are those of the steps themselves and of their neighbours."""
    tier = replace(TIERS[name], period=("hz=hz",))
    corpus = Corpus(tier, ParamManager(periodic_set(tmp_path, tier)))
    there, around = corpus.past._lookback, corpus.past._lookback.reach.around
    numbers = 2.0 * corpus.values / (tier.mulaw_channels - 1) - 1
    for i in range(3):
        steps = np.arange(int(corpus.offsets[i]) + 700 // tier.bands, int(corpus.offsets[i + 1]) - around - 1)
        past = corpus.past.numbers(steps)
        assert past[:, HANDS].min() > 0.3
        read = past[:, HANDS + 1 :].reshape(len(steps), LAGS, 2 * around + 1, numbers.shape[1])
        assert (past[:, there.centres] == read[:, :, around]).all()
        for q in range(2 * around + 1):
            away = np.abs(read[:, :, q] - numbers[steps + q - around][:, None])
            assert np.median(away) < 0.06, (i, q)
        assert (corpus.past.numbers(steps[:1] * 0 + int(corpus.offsets[i]))[:, HANDS:] == 0).all()


def test_in_the_data_the_clock_says_where_the_sound_is(tmp_path):
    """The sounds are sums of cos(j phase + j^2): the clock shows the phase of the first, also on a glide."""
    tier = replace(TIERS["mono"], period=("hz=hz",))
    corpus = Corpus(tier, ParamManager(periodic_set(tmp_path, tier, 3.0)))
    for i, (low, high) in enumerate([(90, 90), (231.7, 231.7), (120, 125)]):
        steps = np.arange(int(corpus.offsets[i]), int(corpus.offsets[i + 1]))
        ends = (np.arange(len(steps)) + 1) * tier.bands - 1
        phase = 2 * np.pi * np.cumsum(low + (high - low) * np.arange(3 * RATE) / RATE / 3) / RATE
        angles = np.interp(ends, np.arange(3 * RATE), phase) + 1
        hands = corpus.past.numbers(steps)[:, :2]
        away = np.abs(hands - np.stack([np.sin(angles), np.cos(angles)], axis=1))
        assert away.max() < 0.05, (i, away.max())


@pytest.mark.parametrize("name", TIERS)
def test_training_reads_what_playing_reads(tmp_path, name):
    """The past of a file in the data, and of the same sound as it is known when a player is primed with it."""
    tier = TIERS[name]
    corpus = Corpus(tier, ParamManager(periodic_set(tmp_path, tier)))
    config = ModelConfig(tier, Net(NETS[name]), corpus.ranges, spans=corpus.spans)
    first, end = (int(at) for at in corpus.offsets[1:3])
    parameters = restore(corpus.conditioning[first:end], corpus.ranges, tier.prop).astype(float)[None]
    look, given = config.lookback, corpus.values[first:end][None]
    block = look.begin(look.set_clocks(look.init(1), given, parameters), parameters)
    read = []
    for t in range(end - first):
        read.append(look.read(block, t, np.zeros((1, len(tier.prop)), np.float32))[0, len(tier.prop) :])
        look.add(block, t, corpus.values[first + t][None])
    expected = corpus.past.numbers(slice(first, end))
    found, later, periods = np.array(read), 1000 // tier.bands, len(tier.periods)
    heard = slice(periods * HANDS, periods * (HANDS + 1))
    assert (np.abs(found[:, heard] - expected[:, heard]) < 2 / tier.mulaw_channels).mean() > 0.99
    values = 0 if name == "rhythm" else periods * LAGS * look.reach.steps * corpus.values.shape[1]
    away = np.abs(found - expected)[later:]
    assert not values or np.median(away[:, heard.stop :]) < 0.02
    assert away[:, :HANDS].max() < 0.25  # four turns in a period: within 2% of it
    assert found.shape[1] == expected.shape[1] == heard.stop + values


def test_how_much_of_the_data_has_no_period_is_said(tmp_path, caplog):
    write_wav(tmp_path / "a.wav", np.zeros(RATE), RATE)
    write_params(tmp_path / "a.params", hz=([0, 0.5, 0.50001, 1], [100, 100, -1, -1]), level=([0, 1], [0, 1]))
    Corpus(TIERS["mono"], ParamManager(tmp_path))
    assert caplog.messages[1:] == ["hz says no period, or one above 2 s, in 50% of the sound"]


def playing(name):
    """Both players of a random model with lively weights."""
    tier = TIERS[name]
    config = ModelConfig(
        tier,
        Net(NETS[name], 12, 2, frame_size=4),
        {name: Range(50, 200) if name == "hz" else Range(0, 1) for name in tier.prop},
    )
    model = new_model(config, 3)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.mul_(2)
    weights = {key: tensor.numpy() for key, tensor in model.module.state_dict().items()}
    return TorchPlayer(model), Engine(config, weights, precision="float32", threads=1)


def moving(tier, steps=400):
    """Parameters [2, T, C]: `hz` jumps and glides, `level` rests at 0 for a while."""
    hz = np.concatenate([np.full(steps // 2, 60.0), np.linspace(110, 200, steps - steps // 2)])
    level = np.clip(np.linspace(-0.5, 1, steps), 0, 1)
    curves = {"hz": hz, "level": level}
    return np.stack([curves[name] for name in tier.prop], axis=-1)[None].repeat(2, axis=0)


@pytest.mark.parametrize("name", TIERS)
def test_both_players_make_the_same_values(name):
    torch_player, engine = playing(name)
    parameters = moving(engine.config.tier)
    given = 0.1 * np.random.default_rng(4).standard_normal((2, 300, engine.encoding.width)).astype(np.float32)
    ours, theirs = (
        player.render(player.prime(player.init(1, 2), given, parameters[:, :300]), parameters)[0]
        for player in (torch_player, engine)
    )
    assert (ours == theirs).all()
    assert len(np.unique(ours)) > 20


@pytest.mark.parametrize("name", TIERS)
def test_blocks_of_any_size_make_the_same_bits(name):
    _, engine = playing(name)
    parameters = moving(engine.config.tier)
    whole, end = engine.render(engine.init(1, 2), parameters)
    for size in (1, 7, 399):
        state, parts = engine.init(1, 2), []
        for first in range(0, parameters.shape[1], size):
            made, state = engine.render(state, parameters[:, first : first + size])
            parts.append(made)
        assert (np.concatenate(parts, axis=1) == whole).all(), size
        for part in ("sound", "steps", "phases", "heard"):
            np.testing.assert_array_equal(getattr(state.past, part), getattr(end.past, part))


def test_the_past_is_heard():
    """Another past makes another sound."""
    _, engine = playing("mono")
    parameters = moving(engine.config.tier)
    _, state = engine.render(engine.init(1, 2), parameters)
    deaf = replace(state, past=engine.lookback.init(2))
    assert (engine.render(state, parameters)[0] != engine.render(deaf, parameters)[0]).any()


@pytest.mark.parametrize("options", [{"scored_frames": 3, "jumps": 0.5}, {"tfr": 0.6}])
@pytest.mark.parametrize("name", TIERS)
def test_two_halves_of_a_training_equal_the_whole(tmp_path, name, options):
    tier, ends = TIERS[name], []
    periodic_set(tmp_path / "data", tier, 0.3)
    net = Net(NETS[name], 8, 1, frame_size=4)
    for folder, first in (("whole", 6), ("halves", 3)):
        how = tiny_train(tmp_path / "data", tmp_path / folder, num_steps=first, checkpoint=3, seq_len=64, **options)
        saved = training.train(tier, net, how)
        if first == 3:
            saved = training.resume(str(tmp_path / folder), 0, {}, {}, {})
        ends.append((saved / "weights.safetensors").read_bytes())
    assert ends[0] == ends[1]


def test_a_fresh_stream_has_no_past_until_a_period_is_over(tmp_path, monkeypatch):
    """After a jump, it is that of the new place."""
    monkeypatch.setattr(corpus_module, "SCALED", 0)
    tier = TIERS["mono"]
    corpus = Corpus(tier, ParamManager(periodic_set(tmp_path, tier)))
    start, before, T = int(corpus.offsets[1]) + 500, int(corpus.offsets[0]) + 600, 256
    streams = Streams(2, np.full(3, start), np.array([False, False, True]), np.array([before, start, start]))
    batch = corpus.follow(streams, slice(3), T, 1)
    count = corpus.past.age(start + 1)
    assert 10 < count < 100
    past = batch.conditioning[:, :, 2:]
    assert (past[1] == corpus.past.numbers(slice(start + 1, start + 1 + T))).all()
    assert past[1, :, HANDS].min() > 0.7
    assert (past[0] == past[1]).all()
    assert not past[2, :count, HANDS:].any()
    assert (past[2, :, :HANDS] == past[1, :, :HANDS]).all()
    assert (past[2, count:] == past[1, count:]).all()
    assert (batch.inputs[0, 0] == corpus.values[before]).all()


def test_in_training_the_past_is_softer_or_louder_in_some_windows(tmp_path):
    """Some windows read what would be there if the sound had been softer or louder; a pure function of (seed, step)."""
    tier, size = TIERS["mono"], 400
    corpus = Corpus(tier, ParamManager(periodic_set(tmp_path, tier)))
    starts = np.full(size, int(corpus.offsets[1]) + 500)
    streams = Streams(3, starts, np.zeros(size, bool), starts)
    past = corpus.follow(streams, slice(size), 8, 1).conditioning[:, :, 2:]
    clear = corpus.gather(starts[:1], 8).conditioning[0, :, 2:]
    same = (past == clear).all(axis=(1, 2))
    assert same.mean() == pytest.approx(1 - corpus_module.SCALED, abs=0.08)
    again = corpus.follow(streams, slice(100, 300), 8, 1).conditioning[:, :, 2:]
    assert (again == past[100:300]).all()
    mu = tier.mulaw_channels - 1
    amplitude = np.expm1(np.abs(past[..., HANDS + 1 :]) * np.log1p(mu))
    largest = np.abs(clear[:, HANDS + 1 :]).argmax()
    gains = 20 * np.log10(
        amplitude.reshape(size, -1)[:, largest] / np.expm1(np.abs(clear[:, HANDS + 1 :]).max() * np.log1p(mu))
    )
    low, high = corpus_module.GAINS
    assert low - 0.01 <= gains.min() < low + 5
    assert 0 < gains.max() <= high + 0.01  # codes end at full scale
    half = corpus.past.numbers(starts[:1, None] + np.arange(1, 9), np.array([0.5]))[0, :, HANDS + 1 :]
    scaled = (
        np.sign(clear[:, HANDS + 1 :])
        * np.log1p(np.expm1(np.abs(clear[:, HANDS + 1 :]) * np.log1p(mu)) / 2)
        / np.log1p(mu)
    )
    np.testing.assert_allclose(half, scaled, atol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "period", "tone"),
    [
        (600, 6000, "x/30", True),
        (0, 1, "2^(2+3*x)", False),
        (-1, 70, "x", False),
        (-1, 400, "x", True),
        (-2, -1, "x", False),
    ],
)
def test_a_parameter_is_a_pitch_or_a_rhythm_by_the_median_of_its_range(low, high, period, tone):
    config = ModelConfig(
        replace(TIERS["mono"], period=(f"hz={period}",)),
        Net("subband"),
        {"hz": Range(low, high), "level": Range(0, 1)},
    )
    assert config.lookback.tones.tolist() == [tone]
