import mido
import numpy as np
import pytest

from helpers import run_cli, tiny_model
from mtcrnn import gestures
from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError
from mtcrnn.runs import checkpoint


def test_lines_and_constants():
    np.testing.assert_allclose(gestures.line(0, 1, 0.05)[:, 0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(gestures.constant(3, 0.5, rate=10), np.full((5, 1), 3.0))


def test_a_gaussian_is_highest_in_the_middle():
    bell = gestures.gaussian(2, 5, 1.01, 0.1)[:, 0]
    assert bell.argmax() == 50
    assert bell[50] == 5
    assert bell[60] == pytest.approx(2 + 3 * np.exp(-0.5))
    assert gestures.gaussian(0, 1, 3)[0, 0] == pytest.approx(0.011, abs=0.001)


def test_steps_last_as_long_as_they_should():
    made = gestures.steps([1, 2, 3], [0.1, 0.25, 0.05], rate=100)[:, 0]
    assert [(made == v).sum() for v in (1, 2, 3)] == [10, 25, 5]
    assert len(gestures.steps([1] * 30, 0.0333, rate=100)) == 100  # lengths are rounded in place, not one by one


def test_notes_are_frequencies():
    np.testing.assert_allclose(gestures.notes([57, 69, 81], 0.01)[:, 0], [220, 440, 880])


def test_a_sine():
    made = gestures.sine(-1, 3, 2, 1, 0.25, rate=8)[:, 0]
    np.testing.assert_allclose(made, [3, 1, -1, 1] * 2, atol=1e-12)


def test_an_envelope():
    made = gestures.envelope(0.2, 0.2, 0.5, 0.4, 1.0, 2.0, rate=10)[:, 0]
    np.testing.assert_allclose(made, [0, 1, 2, 1.5, 1, 1, 1, 0.75, 0.5, 0.25], atol=1e-12)
    np.testing.assert_array_equal(gestures.envelope(0, 0, 1, 0, 0.3, rate=10)[:, 0], [1, 1, 1])


def test_a_spiral_of_two_is_one_on_paper():
    made = gestures.spiral([0, 100], [2, 200], 3, 2)
    x, y = (made - [1, 150]).T / [[1], [50]]
    np.testing.assert_allclose(np.hypot(x, y), np.linspace(0, 1, 200), atol=1e-12)
    turned = np.unwrap(np.arctan2(y, x)[1:])
    assert turned[-1] - turned[0] == pytest.approx(6 * np.pi * 198 / 199)


def test_joining_and_stacking():
    both = gestures.stack(gestures.join([1, 2], gestures.constant(3, 0.01)), [4, 5, 6])
    np.testing.assert_array_equal(both, [[1, 4], [2, 5], [3, 6]])
    with pytest.raises(InputError, match="gesture 2 has 2 parameters, but the first has 1: not joined"):
        gestures.join([1], [[1, 2]])
    with pytest.raises(InputError, match="wind has 2 values, but rate has 3; make both equally long"):
        gestures.stack([1, 2, 3], [1, 2], names=["rate", "wind"])
    with pytest.raises(InputError, match="gesture 1 is not an array"):
        gestures.join([float("nan")])


def test_a_grid_has_a_name_for_each():
    batch, names = gestures.grid({"note": [60, 61.5], "timbre": [0, 1]}, 0.02)
    assert batch.shape == (4, 2, 2)
    assert names == ["note60_timbre0", "note60_timbre1", "note61.5_timbre0", "note61.5_timbre1"]
    np.testing.assert_array_equal(batch[2], [[61.5, 0]] * 2)


def midi_file(path, *messages):
    file = mido.MidiFile(ticks_per_beat=100)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for kind, note, velocity, ticks in messages:  # 100 ticks last 0.5 s
        track.append(mido.Message(kind, note=note, velocity=velocity, time=ticks))
    file.save(path)
    return path


def test_notes_of_a_midi_file(tmp_path):
    path = midi_file(
        tmp_path / "a.mid",
        ("note_on", 60, 127, 20), ("note_on", 64, 64, 20), ("note_off", 64, 0, 20), ("note_on", 60, 0, 20),
        ("note_on", 70, 127, 20), ("note_off", 70, 0, 20),
    )  # fmt: skip
    note, gate, velocity = gestures.from_midi(path, rate=10).T
    np.testing.assert_array_equal(note, [60, 60, 64, 60, 60, 70])  # the older key is still down
    np.testing.assert_array_equal(gate, [0, 1, 1, 1, 0, 1])
    np.testing.assert_allclose(velocity, [1, 1, 64 / 127, 1, 1, 1])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "give curves (NAME=SHAPE:NUMBERS) or a --grid"),
        (["a=line:0,1,1", "--grid", "b=1"], "or a --grid, not both"),
        (["a"], "a: it must be NAME=SHAPE:NUMBERS"),
        (["a=lin:0,1,1"], "unknown shape 'lin' (did you mean 'line'?); known: constant, line"),
        (["a=line:0,1"], "a=line:0,1: line takes FROM,TO,SECONDS"),
        (["a=line:0,x,1"], "a=line:0,x,1: '0,x,1' is not a list of numbers with commas between them"),
        (["a=line:0,inf,1"], "all numbers must be finite"),
        (["a=line:0,1,0"], "a gesture of 0 s has no values at 100 values per second; it must be longer"),
        (["a=line:0,1,1", "b=constant:0,2"], "b has 200 values, but a has 100; make both equally long"),
        (["a,b=line:0,1,1"], "a,b=line:0,1,1: this makes 1 curves for 2 names"),
        (["a,b=spiral:0,1,0,1,2,1", "b=line:0,1,1"], "b occurs in two groups of names"),
        (["a=envelope:1,1,0.5,1,2"], "attack, decay and release of 1, 1 and 1 s do not fit into 2 s"),
        (["a=gaussian:0,1,1,0"], "the width of a gaussian is 0 s; it must be above 0"),
        (["a=steps:0.001,1"], "a step lasts 0.001 s: less than one value"),
        (["a=line:0,1,1", "--rate", "0"], "the rate is 0; it must be 0.001 to 1,000,000 values per second"),
        (["a=midi:none.mid"], "none.mid: no such file"),
        (["--grid", "a"], "--grid a: it must be NAME=FROM:TO:COUNT or NAME=VALUE,VALUE,..."),
        (["--grid", "a=0:1:0"], "with a count above 0"),
        (["--grid", "a=1,1"], "some values of a occur twice"),
        (["--grid", "a=1,2", "a=3"], "--grid a=1,2 a=3: a name occurs twice"),
        (["--grid", "a=0:1:1000000000"], "with a count above 0 and at most 4096"),
        (["--grid", "a=0:1:100", "b=0:1:100"], "a grid of 10,000 sounds is too large; at most 4096"),
        (["--grid", "a=0:1:4096", "--seconds", "100"], "100 s at 100 values per second is too long"),
        (["a=constant:0,1e7"], "1e+07 s at 100 values per second is too long; at most 10,000,000 values"),
        (["a=line:0,1,1", "--rate", "1e9"], "the rate is 1e+09; it must be 0.001 to 1,000,000 values per second"),
        (["a=constant:0,1e30"], "too long"),
        (["a=steps:1e9,1,2"], "2e+09 s at 100 values per second is too long"),
        (["a=steps:-1e30,1"], "1e+30 s at 100 values per second is too long"),
        (["a=steps:-1,1"], "a step lasts -1 s: less than one value"),
        ([f"a{k}=constant:0,50000" for k in range(9)], "a2=constant:0,50000: too many values; at most 10,000,000 in"),
        (["a=notes:1,1e9"], "1e+09 is not a MIDI number; they are 0 to 127"),
        (["a=constant:1e300,1"], "all numbers must be finite, at most 1e+30"),
        ([f"a{k}=constant:0,1" for k in range(200)], "200 panels are too many for one picture; 100 at most"),
        (["a\nb=constant:0,1"], "cannot be a parameter's name"),
    ],
)
def test_bad_words_write_nothing(tmp_path, capsys, monkeypatch, words, problem):
    monkeypatch.chdir(tmp_path)
    code, _, err = run_cli(capsys, "gesture", "out", *words)
    assert code == 2
    assert problem in err
    assert not list(tmp_path.iterdir())


def test_bad_midi_files(tmp_path, capsys):
    (tmp_path / "text.mid").write_text("no MIDI at all")
    silent = midi_file(tmp_path / "silent.mid")
    for path, problem in ((tmp_path / "text.mid", "cannot be read as MIDI"), (silent, "holds no notes")):
        code, _, err = run_cli(capsys, "gesture", tmp_path / "out", f"note=midi:{path}")
        assert code == 2
        assert f"{path} {problem}" in err


def test_words_become_curves_and_a_picture(tmp_path, capsys):
    words = ["rate=line:0,1,0.5", "centre=sine:400,800,1,1", "rate=constant:1,0.5"]
    code, out, _ = run_cli(capsys, "gesture", tmp_path / "a", *words)
    assert code == 0
    made = np.load(tmp_path / "a.npy")
    assert made.shape == (1, 100, 2)
    np.testing.assert_array_equal(made[0, [0, 49, 99], 0], [0, 1, 1])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "(a RUN with --prop rate centre)" in out


def test_names_keep_their_dots_and_a_folder_is_none(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for k, out in enumerate(["take0.5", "take0.6.npy"]):
        assert run_cli(capsys, "gesture", out, f"rate=constant:{k},1")[0] == 0
    for out in ("there", "new/"):
        assert run_cli(capsys, "gesture", out, "rate=constant:0,1")[::2] == (
            2, f"mtcrnn: error: {out} is a folder; give the name of a file",
        )  # fmt: skip
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["take0.5.npy", "take0.5.png", "take0.6.npy", "take0.6.png", "there"]
    assert [np.load(f"take0.{k}.npy")[0, 0, 0] for k in (5, 6)] == [0, 1]


def test_what_to_do_next_can_be_pasted(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, out, _ = run_cli(capsys, "gesture", "my grid", "--grid", "a/b=1,2")
    assert "--external_array 'my grid.npy' --external_sr 100 --names 'my grid.txt' (a RUN" in out
    assert (tmp_path / "my grid.txt").read_text() == "a-b1\na-b2\n"


def test_numbers_at_the_edge_of_what_is_small(tmp_path, capsys):
    """A width or an attack of almost no time divides by almost nothing: no warning, and the right values."""
    words = ["a=gaussian:0,1,0.05,1e-320", "b=envelope:1e-320,0,1,0,0.05"]
    assert run_cli(capsys, "gesture", tmp_path / "a", *words)[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy")[0].T, [[0, 0, 1, 0, 0], [0, 1, 1, 1, 1]])


def test_a_grid_is_generated_in_one_go_under_its_names(tmp_path, capsys):
    run, stem = tmp_path / "run", tmp_path / "sounds" / "made"
    checkpoint.save(run / "model", tiny_model())
    assert run_cli(capsys, "gesture", tmp_path / "grid", "--grid", "pitch=50:100:3", "--seconds", "0.1")[0] == 0
    words = ["--paramvect", "external", "--external_array", tmp_path / "grid.npy", "--external_sr", 100]
    length = ["--length", 50, "--rand_seed", 1, "--out", stem]
    code, _, err = run_cli(
        capsys, "generate", "--model_dir", run, *words, *length, "--names", tmp_path / "grid.txt", "--temp", 0
    )
    assert code == 0, err
    assert sorted(p.name for p in stem.parent.iterdir()) == [f"made_pitch{v}.wav" for v in (100, 50, 75)]
    assert len(sound_files.read(stem.parent / "made_pitch50.wav").samples) == 50
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "same.txt").write_text("a\nb\na\n")
    for name, problem in {
        "two": "has 2 names for 3 sounds",
        "same": "each name must occur once",
        "none": "none.txt: no such file",
    }.items():
        code, _, err = run_cli(
            capsys, "generate", "--model_dir", run, *words, *length, "--names", tmp_path / f"{name}.txt"
        )
        assert (code, problem in err) == (2, True), err
