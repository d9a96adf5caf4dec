import numpy as np
import pytest

from helpers import run_cli, tone_set, write_params, write_wav
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager, make_param
from mtcrnn.data.labels import labels_of
from mtcrnn.data.params import ParamFile


def test_files_pair_by_stem_in_a_parallel_tree(tmp_path):
    wav = write_wav(tmp_path / "data" / "sub" / "a.wav", np.zeros(10))
    manager = ParamManager(tmp_path / "data", tmp_path / "params")
    assert manager.path_of(wav) == tmp_path / "params" / "sub" / "a.params"
    assert ParamManager(wav).path_of(wav) == wav.with_suffix(".params")
    with pytest.raises(InputError, match=r"a\.wav has no param file: expected .*a\.params"):
        manager.read(wav)


def test_init_add_and_read(tmp_path):
    wav = write_wav(tmp_path / "a.wav", np.zeros(10))
    manager = ParamManager(tmp_path)
    assert manager.init() == [wav.with_suffix(".params")]
    assert manager.init() == []
    manager.add(wav, "p", make_param([0, 1], [2, 3], units="Hz"))
    assert manager.read(wav).params["p"].units == "Hz"
    assert manager.read(wav).meta == {"filename": "a.wav"}
    manager.init(overwrite=True)
    assert manager.read(wav).params == {}
    with pytest.raises(InputError, match="cannot be a parameter's name"):
        manager.add(wav, "meta", make_param([0, 1], [2, 3]))


def test_check_lists_every_problem_at_once(tmp_path, capsys):
    tone_set(tmp_path, files=5)
    (tmp_path / "tone0.params").unlink()
    (tmp_path / "tone1.params").write_text("{")
    write_params(tmp_path / "tone2.params", pitch=([0, 1], [1, "x"]), gain=([0], [1]))
    write_params(tmp_path / "tone3.params", pitch=([0, 1], [1, 2]))
    (tmp_path / "text.wav").write_text("hello")
    write_params(tmp_path / "text.params", pitch=([0, 1], [1, 2]), gain=([0, 1], [1, 2]))
    code, out, err = run_cli(capsys, "params", "check", tmp_path)
    assert code == 2
    problems = out.splitlines()
    for words in (
        "tone0.wav has no param file",
        "tone1.params, line 1: broken JSON",
        "tone2.params: pitch: values[1]",
        "tone2.params: gain: 1 knots",
        "parameter 'gain' is missing from 1 files: tone3.params",
        "text.wav cannot be read as sound",
    ):
        assert sum(words in line for line in problems) == 1, words
    assert len(problems) == 6
    assert err.endswith(f"6 problems in {tmp_path}")


def test_a_filename_in_meta_that_names_something_else_is_no_problem(tmp_path, capsys):
    tone_set(tmp_path)
    file = ParamFile.read(tmp_path / "tone0.params")
    ParamFile(file.params, {"filename": "quite_other.params"}).write(tmp_path / "tone0.params")
    code, out, _ = run_cli(capsys, "params", "check", tmp_path)
    assert (code, out) == (0, "3 sounds, no problems\n")


def test_labels_in_both_spellings():
    assert labels_of("name_p76.00_a00.30") == {"p": 76.0, "a": 0.3}
    assert labels_of("RegularPopRandomPitch_r02.30") == {"r": 2.3}
    assert labels_of("Name--rate_exp-00.50--cf-01.00--v-000") == {"rate_exp": 0.5, "cf": 1.0, "v": 0.0}
    assert labels_of("a_b-3") == {"b": -3.0}
    assert labels_of("plain_name") == {}


def test_from_names_writes_ranges_and_keeps_other_parameters(tmp_path, capsys):
    for p, a in ((64, 0.3), (76, 0.5)):
        write_wav(tmp_path / f"x_p{p:05.2f}_a{a:05.2f}.wav", np.zeros(500))
    write_params(tmp_path / "x_p64.00_a00.30.params", other=([0, 1], [5, 6]))
    code, out, _ = run_cli(capsys, "params", "from-names", tmp_path, "--range", "p", "60", "80")
    assert code == 0
    assert "p: 2 values from 64 to 76" in out
    file = ParamFile.read(tmp_path / "x_p64.00_a00.30.params")
    assert file.params["p"].model_dump(exclude_unset=True) == {
        "times": [0, 0.5], "values": [64, 64], "nvals": 2, "minval": 60, "maxval": 80,
    }  # fmt: skip
    assert (file.params["a"].minval, file.params["a"].maxval) == (0.3, 0.5)
    assert file.params["other"].values == [5, 6]


def test_from_names_with_a_pattern_of_ones_own(tmp_path, capsys):
    for note in (70, 71):
        write_wav(tmp_path / f"brass_018-0{note}-127.wav", np.zeros(500))
    code, out, _ = run_cli(capsys, "params", "from-names", tmp_path, r"--pattern=-(?P<note>\d+)-")
    assert (code, out) == (0, "note: 2 values from 70 to 71\nlabelled 2 sounds\n")
    assert ParamFile.read(tmp_path / "brass_018-070-127.params").params["note"].values == [70, 70]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "--pattern '(' is not a regular expression: "),
        ("x(?P<note>.)", "a-1.wav has no labels in its name (--pattern 'x(?P<note>.)' does not match)"),
        ("-.", "--pattern '-.' names no parameter; put (?P<NAME>...) around its number"),
        ("(?P<note>.)-", "'a-1': 'a' is not a number, for 'note'"),
    ],
)
def test_patterns_that_do_not_work(tmp_path, capsys, pattern, message):
    write_wav(tmp_path / "a-1.wav", np.zeros(500))
    code, _, error = run_cli(capsys, "params", "from-names", tmp_path, f"--pattern={pattern}")
    assert code == 2
    assert error.startswith(f"mtcrnn: error: {message}")
    assert not list(tmp_path.glob("*.params"))


def test_from_names_writes_nothing_where_a_name_does_not_fit(tmp_path, capsys):
    write_wav(tmp_path / "x_p64.00.wav", np.zeros(500))
    code, _, err = run_cli(capsys, "params", "from-names", tmp_path, "--range", "q", "0", "1")
    assert code == 2
    assert "--range q: the file names have no such parameter; they have p" in err
    write_wav(tmp_path / "y_q64.00.wav", np.zeros(500))
    code, _, err = run_cli(capsys, "params", "from-names", tmp_path)
    assert "y_q64.00.wav is labelled q, but x_p64.00.wav is labelled p" in err
    write_wav(tmp_path / "plain.wav", np.zeros(500))
    code, _, err = run_cli(capsys, "params", "from-names", tmp_path)
    assert "plain.wav has no labels in its name" in err
    assert not list(tmp_path.glob("*.params"))


def test_show_and_add(tmp_path, capsys):
    tone_set(tmp_path, files=2)
    code, out, _ = run_cli(
        capsys, "params", "add", tmp_path, "wind", "--times", 0, 1, "--values", 3, 4, "--units", "m/s"
    )
    assert code == 0, out
    code, out, _ = run_cli(capsys, "params", "show", tmp_path)
    assert out.count("wind: 3 to 4 m/s, 2 knots from 0 to 1 s") == 2
    code, _, err = run_cli(capsys, "params", "add", tmp_path, "wind", "--times", 0, 0, "--values", 3, 4)
    assert "times must increase" in err
