"""The engine against the torch reference."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from numba import njit

from helpers import SHARED, needs_real_data, run_cli, tiny_model, tiny_train, tone_set
from mtcrnn.config.nets import NETS, Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.engine import Engine, builder, choose_precision, player, products
from mtcrnn.engine.program import LEVELS16
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.torch_player import TorchPlayer
from mtcrnn.runs import checkpoint, folders
from mtcrnn.training import run as training

PARAMETERS = Tier(("p", "q"), prop=("a",), sample_rate=100)
AUDIO = {
    "scaled": Tier(prop=("a",), mulaw_channels=64),
    "onehot": Tier(prop=("a", "b"), mulaw_channels=40, onehot=True),
    "unconditioned": Tier(mulaw_channels=100),
    "banded": Tier(prop=("a", "b"), mulaw_channels=31, bands=4),
    "banded-unconditioned": Tier(mulaw_channels=63, bands=3),
    "periodic": Tier(prop=("a",), mulaw_channels=64, period=("a=100+x",)),
    "banded-periodic": Tier(prop=("a", "b"), mulaw_channels=31, bands=4, period=("a=100+x", "b=b")),
}
CASES = [
    (net, name)
    for net, spec in NETS.items()
    for name in AUDIO
    if spec.audio and spec.banded == ("banded" in name) and (spec.framed or "periodic" not in name)
]
CASES += [(net, "parameters") for net, spec in NETS.items() if spec.parameters]
CASES.remove(("frame", "onehot"))


def make(net, tier, hidden=20, layers=2, gain=2.0, seed=0):
    """A model with lively weights."""
    tier = AUDIO.get(tier, PARAMETERS) if isinstance(tier, str) else tier
    ranges = {name: Range(-1.0, 3.0) for name in (*tier.generate, *tier.prop) if name != "audio"}
    model = new_model(ModelConfig(tier, Net(net, hidden, layers), ranges), seed)
    with torch.no_grad():
        for name, weight in model.module.named_parameters():
            if name.rsplit(".")[-1] not in ("period", "phase", "ratio_on"):
                weight.mul_(gain)
    return model


def weights_of(model):
    return {name: tensor.numpy() for name, tensor in model.module.state_dict().items()}


def inputs_of(model, batch, steps, seed=0):
    """Values to read and normalised conditions."""
    tier, rng = model.config.tier, np.random.default_rng(seed)
    shape = (batch, steps, model.encoding.width)
    values = rng.integers(tier.mulaw_channels, size=shape) if tier.is_audio else rng.random(shape, dtype=np.float32)
    return values, rng.random((batch, steps, model.config.cond_size), dtype=np.float32)


def reference_raw(model, values, conditions):
    """What the reference says to inputs that begin with the resting value."""
    first = np.full_like(values[:, :1], model.encoding.resting)
    past = torch.from_numpy(np.concatenate([first, values[:, :-1]], axis=1))
    with torch.no_grad():
        raw, _ = model(past, torch.from_numpy(conditions), model.net.init_state(len(values)))
        if model.config.net.spec.banded:
            raw = model.net.logits(raw, torch.from_numpy(values)).flatten(2)
        return raw.numpy()


@pytest.mark.parametrize(("net", "tier"), CASES)
def test_raw_numbers_are_those_of_the_reference(net, tier):
    model = make(net, tier)
    values, conditions = inputs_of(model, 3, 2000)
    expected = reference_raw(model, values, conditions)
    rounding = 0.25 if model.config.net.spec.banded else 0.15  # one product more in a row
    for precision, tolerance in (("float32", 1e-4), ("int16", rounding / 2), ("int8", rounding)):
        engine = Engine(model.config, weights_of(model), precision=precision)
        raw, _ = engine.raw(engine.init(0, 3), values, conditions)
        np.testing.assert_allclose(raw, expected, atol=tolerance, err_msg=precision)


@pytest.mark.parametrize(("net", "tier"), CASES)
@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.0])
def test_same_uniforms_same_values(net, tier, temperature):
    model = make(net, tier)
    reference, engine = TorchPlayer(model, temperature), Engine(model.config, weights_of(model), temperature, "float32")
    conditions = inputs_of(model, 2, 300)[1][..., : model.config.tier.cond_size]
    expected, _ = reference.render(reference.init(7, 2), conditions)
    found, _ = engine.render(engine.init(7, 2), conditions)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("hidden", [8, 33, 48, 130])
def test_odd_sizes(hidden):
    model = make("gru", "scaled", hidden=hidden, layers=3, gain=1.0)
    values, conditions = inputs_of(model, 9, 50)
    expected = reference_raw(model, values, conditions)
    for precision, tolerance in (("float32", 1e-5), ("int16", 0.003), ("int8", 0.05)):
        engine = Engine(model.config, weights_of(model), precision=precision)
        np.testing.assert_allclose(engine.raw(engine.init(0, 9), values, conditions)[0], expected, atol=tolerance)


@pytest.mark.parametrize("precision", ["float32", "int16", "int8"])
@pytest.mark.parametrize("net", ["gru", "phased-lstm", "frame"])
def test_blocks_states_and_neighbours_change_nothing(net, precision):
    model = make(net, "scaled" if net == "frame" else "onehot", hidden=24)
    engine = Engine(model.config, weights_of(model), precision=precision, threads=2)
    _, conditions = inputs_of(model, 11, 200)
    conditions[:] = conditions[:1]
    whole, end = engine.render(engine.init(3, 11), conditions)
    for size in (1, 7, 64):
        state, blocks = engine.init(3, 11), []
        for first in range(0, 200, size):
            block, state = engine.render(state, conditions[:, first : first + size])
            blocks.append(block)
        assert (np.concatenate(blocks, axis=1) == whole).all(), size
        assert (state.net == end.net).all()
    kept = engine.render(engine.init(3, 11), conditions[:, :50])[1]
    again = [engine.render(kept, conditions[:, 50:])[0] for _ in range(2)]
    assert (again[0] == whole[:, 50:]).all()
    assert (again[1] == again[0]).all()
    alone, _ = engine.render(engine.init(3, 1), conditions[:1])
    assert (alone == whole[:1]).all()


def test_priming_continues_as_the_reference_does():
    model = make("gru", "scaled")
    reference, engine = TorchPlayer(model), Engine(model.config, weights_of(model), precision="float32")
    sound = np.sin(np.arange(100) / 7)[None, :, None]
    labels = np.zeros((1, 100, 1))
    expected = reference.render(reference.prime(reference.init(1), sound, labels), labels)[0]
    assert (engine.render(engine.prime(engine.init(1), sound, labels), labels)[0] == expected).all()


@pytest.mark.parametrize(
    ("rows", "columns", "sounds", "parts"), [(16, 8, 1, 2), (144, 48, 5, 1), (80, 24, 9, 2), (304, 40, 17, 3)]
)
def test_products_against_numpy(rows, columns, sounds, parts):
    seed = 5
    rng = np.random.default_rng(seed)
    weight, x = rng.standard_normal((rows, columns), np.float32), rng.standard_normal((sounds, columns), np.float32)
    made = []
    for tile in (products.TILE, 1):
        b = builder.Builder(tiny_model().config, {}, products.FLOAT32, tile)
        b.matrix(weight)
        y = np.zeros((sounds, rows), np.float32)
        for part in range(parts):
            products.multiply_f32(b.memory().view(np.float32), np.array(b.matrices[0]), x, 0, y, 0, part, parts)
        np.testing.assert_allclose(y, x @ weight.T, atol=1e-4, err_msg=f"seed {seed}")
        made.append(y)
    np.testing.assert_array_equal(*made, err_msg=f"seed {seed}: the tiles change no bit")


def test_both_forms_of_the_int8_product_are_exact(monkeypatch):
    seed = 6
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (32, 24)).astype(np.int8)
    levels = rng.integers(0, 256, (8, 24)).astype(np.uint8)
    levels[0], weight[0] = 255, -127
    words = weight.reshape(32, 6, 4).transpose(1, 0, 2).copy().view(np.int32).ravel()
    expected = levels.astype(int) @ weight.T.astype(int)
    for vnni in (products.has_vnni(), False):
        monkeypatch.setattr(products, "has_vnni", lambda vnni=vnni: vnni)
        tile = products._tile(2, 8, 1, products.INT8)

        @njit
        def product(w, x, y, tile=tile):
            tile(w, 0, 32, x, 0, 0, 6, y, 0, 0)

        y = np.zeros((8, 32), np.int32)
        product(words, levels.view(np.int32), y)
        assert (y == expected).all(), (seed, vnni)


@pytest.mark.parametrize("lanes", [lanes for lanes in (0, 8, 16, 32) if lanes <= products._multiply_lanes()])
@pytest.mark.parametrize(("rows", "columns"), [(16, 8), (48, 256), (32, 1200)])
def test_all_forms_of_the_int16_product_are_exact_and_never_overflow(rows, columns, lanes, monkeypatch):
    """The largest weights and activations that there can be, all of one sign in one row."""
    seed = 7
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((rows, columns)).astype(np.float32)
    weight[0], weight[1, 0] = 3.0, 1000.0
    b = builder.Builder(tiny_model().config, {}, products.INT16, products.TILE)
    b.matrix(weight)
    scale = builder._scale16(weight)
    levels = np.rint(weight / scale[:, None]).astype(np.int64)
    assert np.abs(levels).max() <= 32767
    x = rng.integers(-LEVELS16, LEVELS16 + 1, (9, columns)).astype(np.int16)
    x[0], x[1] = LEVELS16, -LEVELS16
    expected = x.astype(np.int64) @ levels.T
    assert np.abs(expected).max() < 2**31
    monkeypatch.setattr(products, "_multiply_lanes", lambda: lanes)
    multiply, y = products._multiplier(products.INT16, 8, 1), np.zeros((9, rows), np.int32)
    multiply(b.memory(), np.array(b.matrices[0]), x.view(np.int32), 0, y, 0, 0, 1)
    np.testing.assert_array_equal(y, expected, err_msg=f"seed {seed}")
    relative = np.abs(levels * scale[:, None] - weight).max(axis=1) / np.abs(weight).max(axis=1)
    assert relative[2:].max() < (1e-4 if columns <= 256 else 4e-4)


def bits(engine, corpus, held_out):
    """Bits a sample on held-out windows, by the engine's raw numbers."""
    batch = corpus.spread(held_out, 16)
    state = replace(engine.init(0, len(batch.values)), last=batch.values[:, 0].astype(np.float32))
    raw = engine.raw(state, batch.values[:, 1:], batch.conditioning)[0]
    loss = torch.nn.functional.cross_entropy(
        torch.from_numpy(raw).flatten(0, 1), torch.from_numpy(batch.values[:, 1:]).flatten()
    )
    return float(loss) / np.log(2)


@pytest.mark.slow
@needs_real_data
def test_integers_cost_almost_no_bits_on_the_real_pops(tmp_path):
    import zipfile

    with zipfile.ZipFile(SHARED / "data" / "RegularPopsRandomPitch_16k.zip") as archive:
        archive.extractall(tmp_path / "pops")
    tier, net = Tier(prop=("rate",), onehot=True), Net("gru", 64, 2)
    options = tiny_train(
        tmp_path / "pops", tmp_path / "run", num_steps=120, batch_size=32, seq_len=128, checkpoint=120, lr=0.004
    )
    path = training.train(tier, net, options)
    config, weights = folders.read_config(path), folders.read_weights(path)
    corpus = Corpus(tier, ParamManager(tmp_path / "pops"), config.ranges)
    _, held_out = corpus.split(2000, 1, "tail")
    found = {p: bits(Engine(config, weights, precision=p), corpus, held_out) for p in ("float32", "int16", "int8")}
    assert found["float32"] < 5.5  # of 8: it has learned something that integers could spoil
    assert abs(found["int8"] - found["float32"]) < 0.02
    assert abs(found["int16"] - found["float32"]) < 0.001


def test_auto_takes_float32_where_it_is_fast_enough():
    def chosen(hidden, layers, rate=16000):
        sizes = {f"gru.{k}": np.zeros((6 * hidden, hidden), np.float32) for k in range(layers)}
        tier = Tier(prop=("a",), sample_rate=rate)
        return choose_precision(ModelConfig(tier, Net("gru", hidden, layers), {"a": Range(0, 1)}), sizes)

    assert chosen(48, 4) == chosen(128, 2) == "float32"
    assert chosen(256, 4) == chosen(800, 3) == "int8"
    assert chosen(256, 4, rate=500) == "float32"


def test_auto_counts_what_a_frame_net_reads_once_a_frame():
    def chosen(hidden, rate):
        model = make("frame", Tier(prop=("a",), sample_rate=rate), hidden, 1)
        return choose_precision(model.config, weights_of(model))

    assert chosen(192, 16000) == "float32"  # 0.5 of its 3.5 MB a sample
    assert chosen(192, 48000) == chosen(512, 16000) == "int8"


@pytest.mark.parametrize(
    ("net", "tier"), [("frame", {"sample_rate": 16000}), ("subband", {"sample_rate": 48000, "bands": 8})]
)
def test_auto_does_not_count_the_table_of_the_codes_a_period_ago(net, tier):
    for period in ((), ("hz=hz",)):
        model = make(net, Tier(prop=("hz",), period=period, mulaw_channels=255, **tier), 192, 1)
        assert choose_precision(model.config, weights_of(model)) == "float32", period


def test_bad_weights_and_unknown_nets(monkeypatch):
    model = tiny_model()
    good = weights_of(model)
    broken = {**good, "gru.weight_hh_l1": np.full_like(good["gru.weight_hh_l1"], np.nan)}
    lacking = {name: tensor for name, tensor in good.items() if name != "head.bias"}
    for weights, message in (
        (broken, "the model's weights are broken: gru.weight_hh_l1 holds NaN or infinite numbers"),
        (lacking, "the model's weights lack head.bias; they hold "),
        ({**good, "head.bias": np.zeros(3, np.float32)}, r"head.bias is \[3\], not \[16\]"),
        ({**good, "gru.bias_hh_l2": np.zeros(24, np.float32)}, r"do not fit it: it has no gru\.bias_hh_l2"),
    ):
        with pytest.raises(InputError, match=message):
            Engine(model.config, weights)
    monkeypatch.setitem(NETS, "gru", replace(NETS["gru"], file="nowhere"))
    with pytest.raises(InputError, match="the engine has no program for the net gru; `engine` torch plays it"):
        Engine(model.config, good)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": float("nan")}, "the temperature is nan; it must be 0 to 1000"),
        ({"temperature": -0.1}, "the temperature is -0.1; it must be 0 to 1000"),
        ({"temperature": 1e300}, r"the temperature is 1e\+300; it must be 0 to 1000"),
        ({"threads": 0}, "threads is 0; it must be 1 to 256"),
        ({"threads": 10**6}, "threads is 1000000; it must be 1 to 256"),
        (
            {"precision": "int4"},
            r"unknown precision 'int4' \(did you mean 'int8'\?\); known: auto, float32, int16, int8",
        ),
    ],
)
def test_numbers_out_of_range(arguments, message):
    model = tiny_model()
    with pytest.raises(InputError, match=message):
        Engine(model.config, weights_of(model), **arguments)


@pytest.mark.parametrize("net", ["gru", "frame", "mixture", "split-moments"])
def test_extreme_temperatures_stay_finite_and_agree(net):
    model = make(net, "scaled" if NETS[net].audio else "parameters")
    _, conditions = inputs_of(model, 2, 100)

    players = {"torch": TorchPlayer(model), "engine": Engine(model.config, weights_of(model), precision="float32")}

    def rendered(kind, temperature):
        return players[kind].render(players[kind].init(7, 2), conditions, temperature)[0]

    likeliest = rendered("torch", 0.0)
    for temperature in (1e-300, 1e-45, 1e-40, 1e-31):  # in float32: 0, the least number, numbers without an inverse
        np.testing.assert_allclose(rendered("engine", temperature), likeliest, atol=1e-4, err_msg=str(temperature))
    for temperature in (1e-29, 1e-3, 1000.0):
        wild = rendered("engine", temperature)
        assert np.isfinite(wild).all()
        np.testing.assert_allclose(wild, rendered("torch", temperature), rtol=1e-4, atol=1e-4, err_msg=str(temperature))


@pytest.mark.parametrize("net", ["gru", "mixture", "phased-lstm", "split-variables"])
def test_weights_so_large_that_numbers_overflow(net):
    model = make(net, "parameters")
    _, conditions = inputs_of(model, 1, 20)
    weights = {
        name: np.full_like(weight, 3e38) if "head" in name else weight for name, weight in weights_of(model).items()
    }
    engine = Engine(model.config, weights, precision="float32")
    with pytest.raises(InputError, match="the model's numbers overflow: its weights are broken"):
        engine.render(engine.init(1), conditions)


def test_a_cpu_without_the_instruction_says_so(monkeypatch, caplog):
    monkeypatch.setattr(player, "has_vnni", lambda: False)
    model = tiny_model()
    Engine(model.config, weights_of(model), precision="int8")
    assert "this CPU has no 512-bit VNNI instruction" in caplog.text


def test_generate_uses_it_and_the_reference_agrees(tmp_path, capsys):
    data = tone_set(tmp_path / "data")
    saved = training.train(
        Tier(prop=("pitch",), sample_rate=1000, mulaw_channels=16),
        Net(hidden_size=8),
        tiny_train(data, tmp_path / "run"),
    )
    words = ["generate", "--model_dir", saved, "--set", "pitch=60:70", "--length", 500, "--rand_seed", 3]
    for name, extra in {"numba": [], "torch": ["--engine", "torch"], "int8": ["--precision", "int8"]}.items():
        code, _, err = run_cli(capsys, *words, "--out", tmp_path / name, *extra)
        assert code == 0, err
    wavs = {name: (tmp_path / f"{name}.wav").read_bytes() for name in ("numba", "torch", "int8")}
    assert wavs["numba"] == wavs["torch"]
    assert len(wavs["int8"]) == len(wavs["numba"])


@pytest.mark.slow
def test_generating_needs_no_torch(tmp_path):
    checkpoint.save(tmp_path / "model", tiny_model())
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from mtcrnn.cli import main as cli\n"
        f"sys.exit(cli.main(['generate', '--model_dir', {str(tmp_path)!r}, '--set', 'pitch=60', '--length', '50',"
        f" '--out', {str(tmp_path / 'x')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.wav").is_file()


@pytest.mark.skipif(not player.CAN_YIELD, reason="this system has no sched_yield")
@pytest.mark.parametrize("precision", ["float32", "int16", "int8"])
def test_a_team_makes_the_same_sound_as_one_thread(monkeypatch, precision):
    monkeypatch.setattr(player, "TEAM_BYTES", 0)
    monkeypatch.setattr(Engine, "_choose_cores", lambda self, batch: self.cores(batch))
    for net, tier in (("gru", "onehot"), ("phased-lstm", "scaled"), ("split-variables-shared", "parameters")):
        model = make(net, tier, hidden=40)
        _, conditions = inputs_of(model, 1, 300)
        made = []
        for threads in (1, 2, 3):
            engine = Engine(model.config, weights_of(model), precision=precision, threads=threads)
            state = engine.init(4)
            blocks = []
            for first in range(0, 300, 100):
                block, state = engine.render(state, conditions[:, first : first + 100])
                blocks.append(block)
            made.append(np.concatenate(blocks, axis=1))
        assert (made[0] == made[1]).all(), net
        assert (made[0] == made[2]).all(), net


def test_the_number_of_cores_follows_what_is_faster(monkeypatch):
    monkeypatch.setattr(player, "TEAM_BYTES", 0)
    model = make("gru", "scaled")
    engine = Engine(model.config, weights_of(model), precision="float32", threads=2)
    assert [engine._choose_cores(3), engine._choose_cores(1)] == [2, 2]
    for pace, wanted in (({1: 2.0, 2: 1.0}, 2), ({1: 1.0, 2: 2.0}, 1)):
        engine._step_seconds, engine._blocks = pace, player.RETRY_BLOCKS
        taken = [engine._choose_cores(1) for _ in range(player.RETRY_BLOCKS)]
        assert taken.count(wanted) == player.RETRY_BLOCKS - 1
    engine._step_seconds = {2: 1.0}
    assert engine._choose_cores(1) == 1
