"""The voice of a page: the samples of a stream, in native code and as WebAssembly."""

from dataclasses import replace

import numpy as np
import pytest

from mtcrnn.audio.emphasis import edges
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import PAGE_STEPS, Purpose, play_uniforms
from mtcrnn.engine import Engine
from mtcrnn.models.config import ModelConfig
from mtcrnn.rendering.opening import sounding
from mtcrnn.rendering.stream import Stream, replay
from mtcrnn.web import compiling
from mtcrnn.web.image import image_of
from mtcrnn.web.making import voice_of
from mtcrnn.web.uniforms import fill_page
from test_engine import AUDIO, CASES, make, weights_of

driver = pytest.importorskip("wasm_driver", reason="wasmtime is not installed", exc_type=ImportError)

ODD = Tier(  # 10 ms are no whole number of steps
    prop=("a", "b"), sample_rate=22050, mulaw_channels=31, bands=4, channels="stereo", period=("b=50+50*2^(b/2)",)
)
AUDIO_CASES = [(net, AUDIO[tier]) for net, tier in CASES if tier in AUDIO] + [
    ("subband", ODD),
    ("subband", replace(ODD, prop=("b",))),
]


def emphasised(model):
    """The same model of sound whose low octaves were raised, with a span for each band."""
    tier = model.config.tier
    steps = tuple(6.0 - 2.0 * k for k in range(len(edges(tier.sample_rate, tier.bands))))
    spans = tuple(0.9 / (1 + k) for k in range(tier.bands * tier.sound_channels))
    return ModelConfig(tier, model.config.net, model.config.ranges, spans=spans, emphasis=steps)


def gesture_of(config, blocks, seed):
    """Parameters that hold, jump and go beyond their ranges, and temperatures [blocks + 1, C + 1]."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1.2, 3.2, (blocks + 1, len(config.tier.prop) + 1))
    held = rng.random(blocks + 1) < 0.7
    for b in range(1, blocks + 1):
        rows[b] = rows[b - 1] if held[b] else rows[b]
    rows[:, -1] = np.clip(rows[:, -1], 0, 2)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Native", "Module"])
@pytest.mark.parametrize(("net", "tier"), AUDIO_CASES, ids=lambda case: getattr(case, "bands", case))
def test_a_voice_makes_the_samples_of_a_stream(net, tier, kind):
    """Whatever the net, however its parameters move, in pieces of any size; 20,000 steps or more."""
    model = make(net, tier)
    precision = "int16" if tier in (ODD, AUDIO["scaled"]) else "float32"
    config, seed, blocks = emphasised(model), 2**33 + 5, 130 if kind == "Native" else 520
    stream = Stream(sounding(Engine(config, weights_of(model), precision=precision), config), seed)
    gesture = gesture_of(config, blocks, seed)
    expected = np.concatenate(list(replay(stream, gesture[None])), axis=1)[0]
    voice = getattr(driver, kind)(voice_of(config, weights_of(model), seed, precision))
    piece = 128 if kind == "Module" else 77
    made = driver.played(voice, tier.bands, np.vstack([gesture, gesture[-1:]]), len(expected), piece)
    np.testing.assert_array_equal(made, expected, err_msg=f"seed {seed}")
    assert np.ptp(expected) > 0.05


def test_the_module_is_made_of_these_sources():
    """Otherwise `make wasm`."""
    assert compiling.stamp_of(compiling.MODULE.read_bytes()) == compiling.stamp()


@pytest.mark.parametrize(("seed", "page", "draws"), [(0, 0, 1), (2**31 - 1, 77, 8), (2**40 + 3, 2, 16)])
def test_uniforms_are_those_of_numpy(seed, page, draws):
    words = [seed & 0xFFFFFFFF, *([seed >> 32] if seed >> 32 else []), int(Purpose.PLAY), 0, page]
    made = np.empty(PAGE_STEPS * draws, np.float32)
    fill_page(np.array(words, np.uint64), np.zeros(4, np.uint64), np.zeros(4, np.uint64), made)
    expected = play_uniforms(seed, 1, page * PAGE_STEPS, PAGE_STEPS, draws)[0]
    np.testing.assert_array_equal(made.reshape(expected.shape), expected)


def test_no_voice_of_parameters_and_no_seed_below_zero():
    model = make("gru", "parameters")
    with pytest.raises(InputError, match="generates parameters, not sound"):
        voice_of(model.config, weights_of(model), 0)
    model = make("gru", "scaled")
    with pytest.raises(InputError, match="random seed is a whole number"):
        voice_of(model.config, weights_of(model), -1)


def test_an_image_holds_each_array_once_and_no_zeros_at_its_end():
    model = make("frame", "periodic")
    image = image_of(voice_of(model.config, weights_of(model), 0))
    assert any(image.data[-64:])
    weights = sum(tensor.nbytes for tensor in weights_of(model).values())
    assert weights < len(image.data) < 3 * weights + 200_000
    assert image.pages * 65536 >= max(image.addresses.values())
