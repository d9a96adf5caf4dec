"""A look at free running in training, and the best of the saved models."""

import json
import math

import numpy as np
import pytest
import torch

from helpers import tiny_config, tiny_train, tone_set
from mtcrnn.cli import instrument
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.listening.levels import Levels, leaves_after, levels_db
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import folders
from mtcrnn.runs.best import note_best, read_best
from mtcrnn.training import free_running, run
from mtcrnn.training.schedule import Schedule

CONFIG = tiny_config()


@pytest.fixture
def corpus(tmp_path):
    return Corpus(CONFIG.tier, ParamManager(tone_set(tmp_path / "data")))


@pytest.fixture
def always(monkeypatch):
    """Look at every save, however long it takes."""
    monkeypatch.setattr(free_running, "AGAIN_S", 0.0)
    monkeypatch.setattr(free_running, "SHARE", math.inf)


def saying(corpus, favourites):
    """A model that says one of some codes at random, whatever it hears."""
    config = ModelConfig(CONFIG.tier, CONFIG.net, corpus.ranges)
    model = new_model(config, 0)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.zero_()
        last = list(model.module.parameters())[-1]
        last[favourites] = 50.0
    return model


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [([0, 15], free_running.LOUD), ([7, 8], free_running.SILENT), ([4, 11], free_running.STAYS)],
)
def test_verdicts(corpus, always, codes, verdict):
    model = saying(corpus, codes)
    amplitude = np.abs(model.config.encoding.decode(np.array(codes)))
    level = 10 * math.log10((amplitude**2).mean())
    tone = 20 * math.log10(0.5 / math.sqrt(2))  # of the data
    expected = (
        free_running.LOUD if level > tone + 6 else free_running.SILENT if level < tone - 20 else free_running.STAYS
    )
    assert expected == verdict, "the codes fit the case"
    free = free_running.FreeRunning(corpus)
    assert free.verdict(model) == verdict
    assert free.spent > 0


def test_a_net_that_is_too_slow_is_not_judged(corpus, monkeypatch):
    monkeypatch.setattr(free_running, "SHARE", 0.0)
    assert free_running.FreeRunning(corpus).verdict(saying(corpus, [4])) == free_running.UNKNOWN


def test_looks_are_some_time_apart(corpus, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(free_running.time, "perf_counter", lambda: now[0])
    free = free_running.FreeRunning(corpus)
    now[0] += free_running.AGAIN_S - 1
    assert not free.due(ending=False)
    assert not free.due(ending=True)
    now[0] += 2
    assert free.due(ending=False)
    free._last = now[0]
    assert not free.due(ending=False)
    assert free.due(ending=True)


def test_the_level_of_the_data_leaves_out_what_is_skipped(tmp_path):
    folder = tone_set(tmp_path / "data", files=1, seconds=4)
    path = folder / "tone0.params"
    content = json.loads(path.read_text())
    content["meta"]["skip"] = [[0.0, 3.5]]
    path.write_text(json.dumps(content))
    real = free_running.FreeRunning(Corpus(CONFIG.tier, ParamManager(folder)))._real
    assert real.softest == real.loudest == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.5)


def test_levels():
    rate = 100
    sound = np.concatenate([np.full(rate, 0.1), np.full(rate, 1.0), np.zeros(rate), np.ones(rate // 2)])
    levels = levels_db(sound.astype(np.float32), rate)
    assert levels == pytest.approx([-20, 0, -120], abs=1e-3)
    known = Levels.of([np.full(rate, 0.1, np.float32), np.full(rate // 2, 0.2, np.float32)], rate)
    assert (known.softest, known.loudest) == pytest.approx((-20, -13.98), abs=0.01)
    assert known.silent(levels).tolist() == [False, False, True]
    assert known.loud(levels).tolist() == [False, True, False]
    assert leaves_after(np.array([1, 1, 0, 1, 1, 1, 0], bool)) == 3
    assert leaves_after(np.array([1, 1, 0, 1, 1], bool)) is None


def test_the_best_model_is_noted_and_forgotten_once_it_is_gone(tmp_path):
    (tmp_path / "model_4").mkdir()
    config = tmp_path / "model_4" / folders.CONFIG
    config.write_text("{}")
    assert read_best(tmp_path) is None
    note_best(tmp_path, 4)
    assert read_best(tmp_path) == 4
    config.unlink()
    assert read_best(tmp_path) is None
    config.write_text("{}")
    for broken in ("{", '{"step": 4.5}', "[]"):
        (tmp_path / "best.json").write_text(broken)
        assert read_best(tmp_path) is None, broken


def test_training_notes_the_best_and_warns_of_a_newest_that_does_not_stay(tmp_path, always, monkeypatch, caplog):
    data = tone_set(tmp_path / "data")
    verdicts = iter([free_running.STAYS, free_running.LOUD])
    monkeypatch.setattr(free_running.FreeRunning, "verdict", lambda self, model: next(verdicts))
    saved = run.train(CONFIG.tier, CONFIG.net, tiny_train(data, tmp_path / "run"))
    assert read_best(saved.parent) == 2
    assert "left to itself, the newest model runs away: that of `step` 2 plays on" in caplog.text


def test_a_run_that_continues_from_before_the_best_forgets_it(tmp_path):
    data = tone_set(tmp_path / "data")
    saved = run.train(CONFIG.tier, CONFIG.net, tiny_train(data, tmp_path / "run"))
    note_best(saved.parent, 4)
    run.resume(str(tmp_path / "run"), 2, {}, {"num_steps": 1}, {})
    assert read_best(saved.parent) == 3


def test_an_instrument_is_made_of_the_best_model(tmp_path, capsys):
    data = tone_set(tmp_path / "data")
    saved = run.train(CONFIG.tier, CONFIG.net, tiny_train(data, tmp_path / "run"))
    assert instrument._best(tmp_path / "run") == 4
    note_best(saved.parent, 2)
    assert instrument._best(tmp_path / "run") == 2
    assert "does not play on by itself: that of step 2 is used" in capsys.readouterr().out


def test_a_look_is_no_time_of_training(tmp_path, always, monkeypatch):
    data = tone_set(tmp_path / "data")

    def slow(self, model):
        self.spent += 1000.0
        return free_running.STAYS

    monkeypatch.setattr(free_running.FreeRunning, "verdict", slow)
    excluded = []
    monkeypatch.setattr(Schedule, "exclude", lambda self, seconds: excluded.append(seconds))
    run.train(CONFIG.tier, CONFIG.net, tiny_train(data, tmp_path / "run"))
    assert excluded == [1000.0, 1000.0]
