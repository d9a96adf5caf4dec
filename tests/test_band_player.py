"""Sound through sub-bands: data sets, players, priming, options that do not go together."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

import mtcrnn
from helpers import run_cli, tiny_train, tone_set, write_wav
from mtcrnn.audio.emphasis import Emphasis
from mtcrnn.audio.stereo import left_right
from mtcrnn.audio.subbands import filter_bank
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.engine import Engine
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.band_player import BandPlayer
from mtcrnn.rendering.stream import Stream
from mtcrnn.rendering.torch_player import TorchPlayer
from mtcrnn.training import run as training
from mtcrnn.training.options import completed

RATE = 4000
TIER = Tier(prop=("pitch",), sample_rate=RATE, mulaw_channels=63, bands=4)
STEREO, WHOLE = replace(TIER, channels="stereo"), replace(TIER, bands=1)
NET = Net("subband", 12, 1, frame_size=4)
EMPHASIS = 6.0, -10.0, 3.0


def steps_of(tier):
    """The emphasis of a tier."""
    return EMPHASIS if tier.bands > 1 else (*EMPHASIS, 2.0, -1.0)


def model(tier):
    """A random model with lively weights."""
    spans = (1.0, 0.5, 0.2, 0.1) * tier.sound_channels if tier.bands > 1 else (0.7,)
    net = NET if tier.bands > 1 else replace(NET, net="frame")
    made = new_model(ModelConfig(tier, net, {"pitch": Range(50, 100)}, spans=spans, emphasis=steps_of(tier)), 1)
    with torch.no_grad():
        for weight in made.module.parameters():
            weight.mul_(2)
    return made


@pytest.fixture(scope="module", params=[TIER, STEREO, WHOLE], ids=["mono", "stereo", "one band"])
def players(request):
    made = model(request.param)
    weights = {name: tensor.numpy() for name, tensor in made.module.state_dict().items()}
    players = TorchPlayer(made), Engine(made.config, weights, precision="float32")
    return tuple(BandPlayer(player, steps_of(request.param)) for player in players)


GLIDE = np.linspace(50, 100, 401)[None, :, None].repeat(2, axis=0)


def test_both_players_make_the_same_sound(players):
    ours, theirs = (player.render(player.init(3, 2), GLIDE)[0] for player in players)
    assert ours.shape == (2, 401, players[0].config.tier.sound_channels)
    assert np.abs(ours).max() > 0.01
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_sound_is_within_full_scale():
    """Even where a net makes codes of louder sub-bands than those of any sound."""
    config = ModelConfig(TIER, NET, {"pitch": Range(50, 100)}, spans=(4.0,) * 4)
    player = BandPlayer(TorchPlayer(new_model(config, 1)))
    sound, _ = player.render(player.init(3), GLIDE[:1])
    assert np.abs(sound).max() == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_of_any_size_give_the_same_bits(players, size):
    for player in players:
        whole, _ = player.render(player.init(3, 2), GLIDE)
        state, blocks = player.init(3, 2), []
        for first in range(0, GLIDE.shape[1], size):
            block, state = player.render(state, GLIDE[:, first : first + size])
            assert block.shape[1] == min(size, GLIDE.shape[1] - first)
            blocks.append(block)
        assert (np.concatenate(blocks, axis=1) == whole).all()


def test_priming_goes_through_the_analysis_filters(players):
    """What is rendered next begins with what the filters still hold of the given sound."""
    tone = (0.5 * np.sin(2 * np.pi * 300 / RATE * np.arange(802))).astype(np.float32)
    late = filter_bank(4).delay
    for player in players:
        if player.config.tier.bands == 1:
            continue  # nothing is late
        gains = np.array([1.0, -0.5])[: player.config.tier.sound_channels]
        state = player.prime(player.init(1), tone[None, :, None] * gains, np.full((1, 802, 1), 60.0))
        made, _ = player.render(state, np.full((1, 40, 1), 60.0))
        expected = tone[800 - late : 800 - late + 4, None] * gains  # of 200 whole steps
        np.testing.assert_allclose(made[0, :4], expected, atol=0.35)
        other, _ = player.render(player.init(1), np.full((1, 40, 1), 60.0))
        assert np.abs(other[0, :4]).max() < np.abs(made[0, :4]).max()


def test_priming_leaves_the_emphasis_as_after_the_sound():
    """Of one band: the filter that undoes the emphasis has seen what the net read."""
    player = BandPlayer(TorchPlayer(model(WHOLE)), steps_of(WHOLE))
    tone = (0.3 * np.sin(2 * np.pi * 300 / RATE * np.arange(802))).astype(np.float32)
    emphasis, encoding = Emphasis.of(steps_of(WHOLE), RATE, 1), player.config.encoding
    emphasised, _ = emphasis.run(tone[None], emphasis.rest(1))
    read = encoding.decode(encoding.encode(emphasised[0][:, None]))
    assert np.abs(read[:, 0] - emphasised[0]).max() < 0.05  # 63 codes up to 0.7
    state = player.prime(player.init(1), tone[None, :, None], np.full((1, 802, 1), 60.0))
    undo = emphasis.played(RATE)
    _, filters = undo.run(emphasised, undo.rest(1))
    np.testing.assert_allclose(state.filters, filters, atol=1e-6)


def undone(emphasised):
    """Sounds [B, n] without the emphasis."""
    undo = Emphasis.of(EMPHASIS, RATE, 4).inverse
    return undo.run(emphasised, undo.rest(len(emphasised)))[0]


def test_a_data_set_holds_the_sound_at_its_own_level(tmp_path):
    quiet = 0.003 * np.random.default_rng(5).standard_normal(RATE)
    write_wav(tmp_path / "a.wav", quiet, RATE)
    corpus = Corpus(Tier(sample_rate=RATE, mulaw_channels=255, bands=4), ParamManager(tmp_path), emphasis=EMPHASIS)
    assert corpus.values.shape == (RATE // 4, 4)
    assert 0.001 < min(corpus.spans) <= max(corpus.spans) < 0.03
    bands = corpus._encoding.decode(corpus.values)
    bank = filter_bank(4)
    emphasised, _ = bank.synthesise(bands[None], bank.silence(1))
    back = undone(emphasised)
    sound, _ = soundfile.read(tmp_path / "a.wav")
    error = back[0, bank.delay :] - sound[: RATE - bank.delay]
    assert np.std(error) < 0.02 * np.std(sound)


def test_a_data_set_of_stereo_holds_both_channels(tmp_path, caplog):
    """Left, right, and a mono sound, which is in the centre; what comes back is the sound."""
    seed = 6
    frames = 0.1 * np.random.default_rng(seed).standard_normal((RATE, 2)) * [1, 0.1]
    write_wav(tmp_path / "a.wav", frames, RATE)
    write_wav(tmp_path / "b.wav", frames[:, 0], RATE)
    tier = Tier(sample_rate=RATE, mulaw_channels=1023, bands=4, channels="stereo")
    corpus = Corpus(tier, ParamManager(tmp_path), emphasis=EMPHASIS)
    assert caplog.messages == ["mono, in the centre, in 1 of 2 sounds: b.wav"]
    assert corpus.values.shape == (2 * RATE // 4, 8)
    assert (corpus.values[RATE // 4 :, 4:] == 511).all()  # silence at the sides
    bands = corpus._encoding.decode(corpus.values[: RATE // 4])
    bank = filter_bank(4)
    emphasised, _ = bank.synthesise(bands.reshape(-1, 2, 4).transpose(1, 0, 2), bank.silence(2))
    back = undone(emphasised)
    error = left_right(back.T)[bank.delay :] - frames[: RATE - bank.delay]
    assert (error.std(axis=0) < [0.002, 0.002]).all(), f"seed {seed}"


@pytest.mark.parametrize("tier", [TIER, STEREO], ids=["mono", "stereo"])
@pytest.mark.parametrize(
    "options",
    [{}, {"scored_frames": 3, "jumps": 0.5}, {"tfr": 0.6, "carry": False}, {"input_noise": 0.1}],
)
def test_two_halves_of_a_training_equal_the_whole(tmp_path, tier, options):
    data = tone_set(tmp_path / "data", sample_rate=RATE)
    ends = []
    for name, first in (("whole", 8), ("halves", 4)):
        how = tiny_train(data, tmp_path / name, num_steps=first, checkpoint=4, **options)
        saved = training.train(tier, NET, how)
        if first == 4:
            saved = training.resume(str(tmp_path / name), 0, {}, {}, {})
        ends.append((saved / "weights.safetensors").read_bytes())
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_from_the_command_line_and_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tone_set(tmp_path / "data", sample_rate=RATE)
    words = [
        "--data_dir",
        "data",
        "--prop",
        "pitch",
        "--sample_rate",
        RATE,
        "--seq_len",
        64,
        "--scored_frames",
        4,
        "--codes",
        63,
    ]
    code, _, error = run_cli(capsys, "train", *words, "--net", "subband", "--num_steps", 2, "--output_dir", "./run")
    assert code == 0, error
    player = mtcrnn.load("run")
    tier = player.config.tier
    assert (tier.bands, tier.mulaw_channels, player.config.net.frame_size) == (8, 63, 16)
    assert mtcrnn.render(player, np.full((50, 1), 60.0)).shape == (RATE // 2,)
    made = run_cli(capsys, "generate", "--model_dir", "run", "--set", "pitch=60", "--length", 1001, "--out", "x")
    assert made[0] == 0, made
    assert soundfile.info(tmp_path / "x.wav").frames == 1001
    seeded = ["--seed", "data/tone1.wav", "--seq_len", 1501, "--length", 1001, "--engine", "torch", "--out", "y"]
    assert run_cli(capsys, "generate", "--model_dir", "run", *seeded)[0] == 0


@pytest.mark.parametrize(
    ("tier", "net", "message"),
    [
        ({"bands": 33}, {}, "`bands` is 33; it must be 1 to 32"),
        ({"mulaw_channels": 64}, {}, "it must be odd, so that silence is a code, and at least 15"),
        ({"mulaw_channels": 13}, {}, "`mulaw_channels` is 13"),
        ({"sample_rate": 3999}, {}, "`sample_rate` is 3999; it must be 4000 to 96000 with `bands`"),
        ({"sample_rate": 96001}, {}, "`sample_rate` is 96001"),
        ({"onehot": True}, {}, "`bands` is for audio, without `onehot`"),
        ({"generate": ("a",), "prop": ()}, {}, "`bands` is for audio"),
        ({"bands": 1}, {}, "`net` subband needs several `bands`, which is 1"),
        ({"bands": 1, "channels": "stereo"}, {}, "`channels` stereo needs sub-bands: `bands` 2 or more"),
        ({}, {"net": "gru"}, "`net` gru has no `bands`, which is 4"),
    ],
)
def test_what_does_not_go_together(tier, net, message):
    options = {"prop": ("pitch",), "sample_rate": RATE, "mulaw_channels": 63, "bands": 4, **tier}
    with pytest.raises(InputError, match=message):
        Net(**{"net": "subband", **net}).check_for(Tier(**options))


def test_spans_are_one_for_each_band():
    with pytest.raises(InputError, match="spans: there must be one above 0 for each of 4 bands"):
        ModelConfig(TIER, NET, {"pitch": Range(0, 1)}, spans=(1.0, 2.0))
    with pytest.raises(InputError, match="spans: there must be one above 0 for each of 8 bands"):
        ModelConfig(STEREO, NET, {"pitch": Range(0, 1)}, spans=(1.0,) * 4)


@pytest.mark.parametrize("steps", [(1.0, 2.0), (1.0, 2.0, 41.0), (1.0, 2.0, float("nan"))])
def test_an_emphasis_has_a_step_between_two_octaves(steps):
    with pytest.raises(InputError, match="emphasis: there must be 3 steps of 40 dB at most"):
        ModelConfig(TIER, NET, {"pitch": Range(0, 1)}, emphasis=steps)
    with pytest.raises(InputError, match="emphasis: there must be 5 steps"):
        ModelConfig(replace(TIER, bands=1), Net("frame"), {"pitch": Range(0, 1)}, emphasis=EMPHASIS)
    with pytest.raises(InputError, match="emphasis: there must be 0 steps"):
        ModelConfig(Tier(generate=("pitch",)), Net("gru"), {"pitch": Range(0, 1)}, emphasis=EMPHASIS)
    with pytest.raises(InputError, match="`channels` is auto; a model is mono or stereo"):
        ModelConfig(replace(TIER, channels="auto"), NET, {"pitch": Range(0, 1)})


@pytest.mark.parametrize(("rates", "expected"), [((8000, 4000, 8000), 8000), ((8000, 4000), 8000), ((192000,), 96000)])
def test_the_rate_of_a_training_is_that_of_most_sounds(tmp_path, caplog, rates, expected):
    for k, rate in enumerate(rates):
        write_wav(tmp_path / f"{k}.wav", np.zeros(100), rate)
    tier, _, _ = completed({}, {}, {"data_dir": str(tmp_path)})
    assert tier.sample_rate == expected
    assert caplog.messages[0] == f"`sample_rate` {expected}, that of the data"
    assert completed({"sample_rate": 5000}, {}, {"data_dir": str(tmp_path)})[0].sample_rate == 5000


@pytest.mark.parametrize(
    ("seconds", "given", "expected"),
    [((0.74, 2, 0.1), {}, 2048), ((0.75, 2), {}, 4096), ((0.01,), {}, 256), ((0.01,), {"seq_len": 4096}, 4096)],
)
def test_windows_are_shorter_where_most_sounds_are_short(tmp_path, caplog, seconds, given, expected):
    """Windows of 4096 steps of 8 samples last 0.74 s."""
    for k, length in enumerate(seconds):
        write_wav(tmp_path / f"{k}.wav", np.zeros(round(44100 * length)), 44100)
    tiers = {"channels": "mono"}
    assert completed(tiers, {}, {"data_dir": str(tmp_path), **given})[2].seq_len == expected
    assert (f"`seq_len` {expected}, since most sounds are short" in caplog.messages) == (expected < 4096)


def stereo_set(folder, *kinds):
    """Short sounds at 44.1 kHz: mono, stereo, or the same sound in two channels."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((200, 2))
    made = {"mono": noise[:, 0], "stereo": noise, "twin": noise[:, [0, 0]]}
    for k, kind in enumerate(kinds):
        write_wav(folder / f"{k}.wav", made[kind], 44100)
    return str(folder)


@pytest.mark.parametrize(
    ("kinds", "given", "expected"),
    [
        (["stereo", "stereo", "mono"], {}, "stereo"),
        (["stereo", "mono"], {}, "mono"),
        (["twin", "twin"], {}, "mono"),
        (["stereo", "mono"], {"channels": "stereo"}, "stereo"),
        (["stereo"], {"channels": "mono"}, "mono"),
        (["stereo"], {"mulaw_channels": 256}, "mono"),
        (["stereo"], {"sample_rate": 16000}, "mono"),
        (["stereo"], {"sample_rate": 16000, "channels": "stereo"}, "stereo"),
    ],
)
def test_the_channels_of_a_training(tmp_path, kinds, given, expected):
    tier, net, _ = completed(given, {}, {"data_dir": stereo_set(tmp_path, *kinds)})
    assert tier.channels == expected
    assert expected == "mono" or net.net == "subband"


def test_stereo_needs_stereo(tmp_path):
    for kinds in (["mono"], ["twin"]):
        with pytest.raises(InputError, match="`channels` stereo, but no sound has two channels that differ"):
            completed({"channels": "stereo"}, {}, {"data_dir": stereo_set(tmp_path, *kinds)})


def test_full_band_sound_is_split_unless_options_rule_it_out(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(3 * 44100), 44100)

    def chosen(**tier):
        given, net, train = completed(tier, {}, {"data_dir": str(tmp_path)})
        return net.net, given.bands, given.mulaw_channels, train.seq_len

    assert chosen() == ("subband", 8, 255, 4096)
    assert chosen(sample_rate=16000) == ("frame", 1, 256, 2048)
    assert chosen(sample_rate=16000, bands=4) == ("subband", 4, 255, 4096)
    assert chosen(mulaw_channels=1024) == ("frame", 1, 1024, 2048)
    assert chosen(onehot=True) == ("gru", 1, 256, 512)


def test_a_stream_plays_what_is_rendered(players):
    _, player = players
    stream = Stream(player, 5)
    blocks = [stream.render().samples for _ in range(20)]
    assert all(len(block) == stream.block_size == RATE // 100 for block in blocks)
    whole, _ = player.render(player.init(5), np.full((1, 20 * stream.block_size, 1), 75.0), 1.0)
    assert (np.concatenate(blocks) == whole[0]).all()
