"""Where runs go, who may write there, and runs that ended before their first save or while the disk was full."""

import os
import signal
import subprocess
import sys
import time

import pytest

from helpers import run_cli, tiny_config, tiny_train, tone_set, write_params, write_wav
from mtcrnn.core.errors import InputError
from mtcrnn.core.interrupt import stop_on_interrupt
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs import log as runlog
from mtcrnn.runs.locks import locked
from mtcrnn.runs.log import RunLog, read_log
from mtcrnn.training import run as training

TIER, NET = tiny_config().tier, tiny_config().net


@pytest.fixture
def data(tmp_path):
    return tone_set(tmp_path / "data")


def weights(folder, step):
    return (folder / "model" / f"model_{step}" / folders.WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("pops", "output/pops"),
        ("a/b", "output/a/b"),
        ("output/pops", "output/pops"),
        ("./output", "output"),
        ("./pops", "pops"),
        ("../pops", "../pops"),
        ("/x/pops", "/x/pops"),
        ("~/pops", "{home}/pops"),
    ],
)
def test_where_a_run_goes(said, place, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    options = tiny_train(tmp_path, tmp_path)
    options = type(options)(**{**vars(options), "output_dir": said})
    assert folders.run_folder(options.output_dir).as_posix() == place.format(home=tmp_path)


def test_the_place_that_holds_a_run_wins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tone_set(tmp_path / "pops")
    words = "train --data_dir pops --output_dir pops --prop pitch --sample_rate 1000 --hidden_size 8 --net gru"
    code, _, error = run_cli(capsys, *words.split(), "--num_steps", 2, "--seq_len", 40, "--batch_size", 2)
    assert code == 0, error
    assert folders.find("pops").as_posix() == "output/pops/model/model_2"
    assert run_cli(capsys, "generate", "--model_dir", "pops", "--set", "pitch=60", "--length", 100)[0] == 0
    assert run_cli(capsys, "train", "--model_dir", "pops", "--num_steps", 1)[0] == 0
    assert run_cli(capsys, "plot", "pops", "--out", "losses.png")[0] == 0


def test_what_to_do_next_can_be_pasted(tmp_path, data, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["train", "--data_dir", data, "--output_dir", "my run", "--prop", "pitch", "--sample_rate", 1000]
    words += ["--hidden_size", 8, "--net", "gru", "--num_steps", 2, "--seq_len", 40, "--batch_size", 2]
    code, out, _ = run_cli(capsys, *words)
    assert code == 0
    assert "next: mtcrnn generate --model_dir 'output/my run/model' --set pitch=VALUE" in out


def test_one_process_at_a_time(tmp_path, data):
    run = tmp_path / "run"
    with (
        locked(run),
        pytest.raises(InputError, match=rf"another process is already training there \(process {os.getpid()} on"),
    ):
        training.train(TIER, NET, tiny_train(data, run))
    training.train(TIER, NET, tiny_train(data, run))
    with locked(run), pytest.raises(InputError, match="another process is already training there"):
        training.resume(str(run), 0, {}, {}, {})
    assert folders.steps(run / "model") == [2, 4]
    assert not (run / ".holder.json").exists()


@pytest.mark.parametrize("again", ["train", "resume"])
def test_a_run_that_was_killed_in_its_first_save_begins_anew(tmp_path, data, again):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    options = tiny_train(data, killed)
    training.train(TIER, NET, tiny_train(data, whole))
    training.train(TIER, NET, options)
    (killed / "model" / "model_2" / folders.CONFIG).rename(tmp_path / "config.json")  # as a kill leaves it
    for path in killed.glob("model/*"):
        checkpoint.remove(path)
    (killed / "model" / ".tmp-123-0").mkdir()
    (killed / "model" / ".tmp-123-0" / folders.WEIGHTS).write_bytes(b"half")
    (killed / "model" / ".model_2.tmp-99").mkdir()  # an older version's
    (killed / "model" / "train_state_2.pt").write_bytes(b"whole")
    with pytest.raises(InputError, match=r"has no model yet: mtcrnn train --model_dir .*killed starts the run again"):
        folders.find(str(killed))
    if again == "train":
        training.train(TIER, NET, options)
    else:
        training.resume(str(killed), 0, {}, {}, {})
    names = sorted(path.name for path in (killed / "model").iterdir())
    assert names == ["best.json", "model_2", "model_4", "train_state_2.pt", "train_state_4.pt"]
    assert weights(killed, 4) == weights(whole, 4)


def test_leftovers_of_a_later_save_go_when_the_run_goes_on(tmp_path, data):
    run = tmp_path / "run"
    training.train(TIER, NET, tiny_train(data, run))
    (run / "model" / "train_state_6.pt").write_bytes(b"without its model")
    (run / "log" / ".tmp-9-9").write_bytes(b"half")
    training.resume(str(run), 0, {}, {"num_steps": 1}, {})
    assert not (run / "model" / "train_state_6.pt").exists()
    assert not (run / "log" / ".tmp-9-9").exists()
    assert folders.steps(run / "model") == [2, 4, 5]


def test_data_that_changed_are_told(tmp_path, data, caplog):
    run = tmp_path / "run"
    training.train(TIER, NET, tiny_train(data, run))
    training.resume(str(run), 0, {}, {"num_steps": 1}, {})
    assert "the data are not those" not in caplog.text
    write_params(data / "tone0.params", pitch=([0, 1], [700, 700]))
    write_wav(data / "tone1.wav", [0.1, -0.1] * 500)
    (data / "tone2.wav").rename(data / "other.wav")
    (data / "tone2.params").rename(data / "other.params")
    training.resume(str(run), 0, {}, {"num_steps": 1}, {})
    assert "pitch goes from 70 to 700, but the model was trained on 50 to 100" in caplog.text
    wanted = "new: other.wav; removed: tone2.wav; sound changed: tone1.wav; labels changed: tone0.wav"
    assert f"the data differ from those that the run was trained on: {wanted}" in caplog.text


def test_a_log_that_cannot_be_written_is_said_once_and_costs_nothing(tmp_path, caplog, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with RunLog(tmp_path, "{}") as log:
        log.add(10, {"loss": 1.0, "samples_per_s": 1.0})
        size = (tmp_path / "log" / "traininglog.txt").stat().st_size
        monkeypatch.setattr(runlog.EventsWriter, "write_event", full)
        monkeypatch.setattr(runlog, "_append", full)
        for step in (20, 30, 40):
            log.add(step, {"loss": 1.0, "samples_per_s": 1.0})
        assert log.summary(1.0, None) == "loss 1.000 nats (1.44 bits), 1 samples/s"
        assert log.summary(1.0, "runs away") == "loss 1.000 nats (1.44 bits), free running runs away, 1 samples/s"
        monkeypatch.undo()
        log.add(50, {"loss": 2.0, "samples_per_s": 1.0})
    assert caplog.text.count("No space left on device") == 1
    assert (tmp_path / "log" / "traininglog.txt").stat().st_size > size
    assert read_log(tmp_path / "log" / "traininglog.txt")["loss"] == [(10, 1.0), (50, 2.0)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_row_on_a_full_disk(tmp_path):
    with pytest.raises(OSError, match="No space left"):
        runlog._append(tmp_path.joinpath("/dev/full"), "a row\n")


def test_a_log_whose_last_row_is_half_written(tmp_path):
    (tmp_path / "log").mkdir()
    path = tmp_path / "log" / "traininglog.txt"
    path.write_text(runlog.HEADER + "10\t1\t1\t\t\t5\nrubbish\n20\t2\t2\t\t\t5\n30\t")
    with RunLog(tmp_path, "{}", first=15) as log:
        log.add(20, {"loss": 3.0, "samples_per_s": 1.0})
    assert read_log(path)["loss"] == [(10, 1.0), (20, 3.0)]


@pytest.mark.parametrize(
    ("handler", "wanted"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)], ids=["plain", "nohup"]
)
def test_a_terminal_that_closes_ends_a_run_softly_and_nohup_is_heeded(handler, wanted):
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with stop_on_interrupt() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
        assert stop.wanted == wanted
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_while_modules_load_is_one_line():
    program = "import sys, signal, os, mtcrnn.__main__ as m\n"
    program += "class Loader:\n    def find_spec(self, name, *_):\n"
    program += "        if name == 'mtcrnn.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
    program += "sys.meta_path.insert(0, Loader())\nsys.exit(m.main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "mtcrnn: interrupted\n")
