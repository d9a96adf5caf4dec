import numpy as np
import pytest

from helpers import write_wav
from mtcrnn.audio.mulaw import MuLaw
from mtcrnn.config.tier import Tier
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager

RATE = 8000


@pytest.mark.parametrize("bands", [1, 4])
def test_silence_is_a_noise_of_one_step_of_the_codes(tmp_path, bands):
    sound = np.zeros(RATE)
    sound[-200:] = np.random.default_rng(1).uniform(-0.5, 0.5, 200)  # so that the sub-bands have spans
    write_wav(tmp_path / "a.wav", sound, RATE)
    corpus = Corpus(Tier(sample_rate=RATE, bands=bands, mulaw_channels=255), ParamManager(tmp_path))
    silence = corpus.values[: -600 // bands] - float(MuLaw(255).silence)
    assert silence.std() == pytest.approx(np.sqrt(1 + 1 / 12), rel=0.1)
    assert np.abs(silence.mean()) < 0.05


def test_a_sound_has_the_same_noise_whatever_other_sounds_there_are(tmp_path):
    def values_of(*names):
        folder = tmp_path / "".join(names)
        for name in names:
            write_wav(folder / f"{name}.wav", np.zeros(RATE), RATE)
        corpus = Corpus(Tier(sample_rate=RATE), ParamManager(folder))
        return {path.stem: corpus.values[k * RATE : (k + 1) * RATE] for k, path in enumerate(corpus.names)}

    alone, together = values_of("b"), values_of("a", "b", "c")
    assert (alone["b"] == together["b"]).all()
    assert (together["a"] != together["b"]).any()
