"""What is said about recordings: edits, undo, what is kept and written; the server of the page that labels."""

import io
import json
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
import uvicorn

from helpers import run_cli, write_wav
from live_driver import ask, command
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import ParamFile
from mtcrnn.labelling.document import NAME, Document, edited, read_document
from mtcrnn.labelling.server import make_app
from mtcrnn.labelling.session import Session
from mtcrnn.labelling.tiles import COLUMNS, excerpt, tile
from mtcrnn.listening import overview
from mtcrnn.listening.recordings import listen
from mtcrnn.serving.address import listen as listening

RATE = 8000
ADD = {"type": "add parameter", "name": "rage"}


def mark(at, value, recording="a.wav", name="rage", **more):
    return {"type": "mark", "name": name, "mark": {"recording": recording, "at": at, "value": value, **more}}


def write_recordings(folder):
    """Two noises; one becomes louder, the other softer."""
    folder.mkdir(exist_ok=True)
    t = np.arange(8 * RATE) / RATE
    for k, name in enumerate(("a", "b")):
        level = 10 ** ((-40 + 4 * (t if k == 0 else 8 - t)) / 20)
        write_wav(folder / f"{name}.wav", level * np.random.default_rng(k).standard_normal(len(t)) / 4, RATE)
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = write_recordings(tmp_path_factory.mktemp("recordings"))
    return listen(sorted(folder.glob("*.wav")))


@pytest.fixture
def session(recordings, tmp_path):
    folder = recordings[0].path.parent
    return Session(ParamManager(folder, tmp_path), recordings, Document(), tmp_path / NAME)


def say(session, *edits):
    for edit in edits:
        session.edit(edit, session.version)


def test_marks_become_curves_and_param_files(session, tmp_path):
    say(session, ADD, mark(1.0, 0.1), mark(7.0, 0.9), mark(4.0, 0.5), mark(1.0, 0.9, "b.wav"))
    shown = session.state()["parameters"][0]
    assert shown["error"] < 0.3
    assert shown["follows"][0][0]
    assert shown["question"]["recording"] in ("a.wav", "b.wav")
    assert session.write() == "wrote rage for 2 recordings"
    for name, rising in (("a", 1), ("b", -1)):
        curve = ParamFile.read(tmp_path / f"{name}.params").params["rage"]
        assert (curve.minval, curve.maxval, curve.times[1]) == (0, 1, 0.25)
        assert np.corrcoef(curve.times, curve.values)[0, 1] * rising > 0.9, name
        assert curve.model_extra["made"] == {"by": "mtcrnn label 1", "marks": 4, "drawn": 0}


def test_everything_is_kept_at_once_and_read_again(session, tmp_path):
    say(session, ADD, mark(1.0, 0.1), mark(2.0, 0.5, until=4.0))
    say(session, {"type": "skip", "recording": "b.wav", "stretches": [[0, 1], [0.5, 2]]})
    again = read_document(tmp_path / NAME)
    assert again == session.document
    assert again.skip == {"b.wav": [(0.0, 2.0)]}
    assert [(m.at, m.until, m.value) for m in again.parameters[0].marks] == [(1.0, None, 0.1), (2.0, 4.0, 0.5)]


def test_undo_and_redo(session):
    say(session, ADD, mark(1.0, 0.1), mark(5.0, 0.9))
    full = session.document
    for left in (1, 0):
        session.undo()
        assert len(session.document.parameters[0].marks) == left
    session.undo()
    session.undo()  # there is nothing more
    assert session.document == Document()
    for _ in range(4):
        session.redo()
    assert session.document == full
    session.undo()
    say(session, mark(2.0, 0.4))
    session.redo()  # gone
    assert [m.at for m in session.document.parameters[0].marks] == [1.0, 2.0]
    assert read_document(session.path) == session.document


def test_what_cannot_be_saved_is_not_said(session, monkeypatch):
    say(session, ADD, mark(1.0, 0.1))
    before = session.document

    def full(path, text):
        raise InputError("no space left")

    monkeypatch.setattr("mtcrnn.labelling.session.write_text", full)
    for change in (lambda: say(session, mark(2.0, 0.5)), session.undo):
        with pytest.raises(InputError, match="no space left"):
            change()
    assert session.document is before
    monkeypatch.undo()
    session.undo()
    assert session.document.parameters[0].marks == []
    session.redo()
    assert session.document == before


def test_a_mark_at_the_same_moment_replaces_and_what_is_drawn_wins(session):
    say(session, ADD, mark(1.0, 0.1), mark(1.05, 0.3), mark(6.0, 0.9))
    assert [m.value for m in session.document.parameters[0].marks] == [0.3, 0.9]
    points = [[2.0, 0.0], [4.0, 1.0]]
    say(session, {"type": "draw", "name": "rage", "correction": {"recording": "b.wav", "points": points}})
    values = session.learned("rage").values[session.listened.offsets[1] :]
    np.testing.assert_allclose(values[8:17], np.linspace(0, 1, 9), atol=1e-9)
    say(session, {"type": "undraw", "name": "rage", "index": 0}, {"type": "unmark", "name": "rage", "index": 0})
    assert [m.value for m in session.document.parameters[0].marks] == [0.9]
    assert session.document.parameters[0].corrections == []


def test_what_is_skipped_is_written(session, tmp_path):
    say(session, ADD, mark(1.0, 0.1), mark(7.0, 0.9), {"type": "skip", "recording": "a.wav", "stretches": [[2, 3]]})
    session.write()
    path = tmp_path / "a.params"
    assert ParamFile.read(path).skipped(path) == [(2.0, 3.0)]
    say(session, {"type": "skip", "recording": "a.wav", "stretches": []})
    session.write()
    assert ParamFile.read(path).skipped(path) == []


def test_what_was_written_by_hand_is_kept(session, tmp_path):
    text = '{"meta": {}, "mine": {"times": [0.0, 1.0], "values": [1.0, 2.0]}}'
    (tmp_path / "a.params").write_text(text)
    say(session, ADD, mark(1.0, 0.1), mark(7.0, 0.9))
    assert session.write() == "wrote rage for 2 recordings; what was written by hand is kept as a.previous-1.params"
    assert (tmp_path / "a.previous-1.params").read_text() == text
    assert set(ParamFile.read(tmp_path / "a.params").params) == {"mine", "rage"}


def test_axes_need_no_marks(session, tmp_path):
    session.add_axes(2)
    assert session.write() == "wrote axis1, axis2 for 2 recordings"
    first = [ParamFile.read(tmp_path / f"{name}.params").params["axis1"] for name in "ab"]
    assert {min(min(p.values) for p in first), max(max(p.values) for p in first)} == {0.0, 1.0}
    rises = [np.corrcoef(p.times, p.values)[0, 1] for p in first]
    assert rises[0] * rises[1] < -0.8  # the first axis is what differs most: the level
    with pytest.raises(InputError, match="axis1 is an axis of the sound itself: it has no marks"):
        say(session, mark(1.0, 0.5, name="axis1"))


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([ADD, ADD], "there is a parameter 'rage' already"),
        ([{**ADD, "name": "a b"}], "'a b' cannot be a parameter's name"),
        ([{**ADD, "name": ""}], "'' cannot be a parameter's name"),
        ([{**ADD, "name": "meta"}], "'meta' cannot be a parameter's name"),
        ([{**ADD, "low": 1, "high": 1}], "the range of rage must rise, from 1 to 1 it does not"),
        ([{**ADD, "low": float("nan")}], "low: input should be a finite number"),
        ([{"type": "remove parameter", "name": "rage"}], "there is no parameter 'rage'"),
        ([mark(1, 0.5)], "there is no parameter 'rage'"),
        ([ADD, mark(1, 1.5)], "rage is 0 to 1, not 1.5"),
        ([ADD, mark(-1, 0.5)], "greater than or equal to 0"),
        ([ADD, mark(1, 0.5, "c.wav")], "there is no recording 'c.wav'"),
        ([ADD, mark(2, 0.5, until=1.0)], "a stretch must end after it begins"),
        ([ADD, {"type": "unmark", "name": "rage", "index": 0}], "that is gone already"),
        ([{"type": "skip", "recording": "a.wav", "stretches": [[2, 1]]}], "a stretch must end after it begins"),
        ([{"type": "shout"}], "shout"),
        (["x"], "valid dictionary"),
    ],
)
def test_bad_edits(edits, message, session):
    *good, bad = edits
    say(session, *good)
    before = session.document
    with pytest.raises(InputError, match=message):
        say(session, bad)
    assert session.document is before


def test_a_drawn_curve_that_goes_back_or_leaves_the_range():
    document = edited(Document(), ADD, ["a.wav"])
    for points, message in (([[1, 0.5], [1, 0.6]], "must go on in time"), ([[1, 0.5], [2, 1.6]], "leaves that range")):
        draw = {"type": "draw", "name": "rage", "correction": {"recording": "a.wav", "points": points}}
        with pytest.raises(InputError, match=message):
            edited(document, draw, ["a.wav"])


def test_nothing_to_write(session):
    with pytest.raises(InputError, match="there is no parameter yet"):
        session.write()
    say(session, ADD)
    for edit in (mark(1.0, 0.5), mark(3.0, 0.5)):
        say(session, edit)
        with pytest.raises(InputError, match="rage: two marks of different values are needed"):
            session.write()


def test_marks_of_recordings_that_are_gone_stay(recordings, tmp_path):
    document = edited(edited(Document(), ADD, []), mark(1.0, 0.5, "gone.wav"), ["gone.wav"])
    session = Session(ParamManager(recordings[0].path.parent, tmp_path), recordings, document, tmp_path / NAME)
    shown = session.state()["parameters"][0]
    assert (shown["away"], len(shown["marks"])) == (1, 1)
    say(session, mark(1.0, 0.1), mark(7.0, 0.9))
    assert session.write().startswith("wrote rage")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "broken JSON"),
        ('{"format": 2}', "written by a newer version of mtcrnn"),
        ('{"format": 1, "parameters": [{"name": "x"}]}', r"parameters\[0\]\.low: field required"),
        ('{"format": 1, "marks": []}', "extra inputs are not permitted"),
    ],
)
def test_broken_documents(text, message, tmp_path):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(InputError, match=message):
        read_document(tmp_path / NAME)


def test_tiles_and_excerpts(recordings):
    """A tile at the coarsest scale is the overview; finer ones and excerpts are read from the file."""
    width = 2 + overview.BANDS
    coarse = np.frombuffer(tile(recordings[0], 1, 0), np.uint8).reshape(-1, width)
    assert coarse.shape == (128, width)  # 8 s, 16 a second
    np.testing.assert_array_equal(coarse.T, recordings[0].overview)
    fine = np.frombuffer(tile(recordings[0], 16, 7), np.uint8).reshape(-1, width)
    assert fine.shape == (COLUMNS, width)
    rising = coarse[:, 1].astype(float)
    assert rising[-20:].mean() > rising[:20].mean() + 20
    assert fine[:, 2:].mean() == pytest.approx(coarse[112:, 2:].mean(), abs=6)
    with pytest.raises(InputError, match=r"a\.wav has no tile 8 at scale 16"):
        tile(recordings[0], 16, 8)
    heard, rate = soundfile.read(io.BytesIO(excerpt(recordings[0], 2.0, 0.5)))
    whole, _ = soundfile.read(recordings[0].path)
    assert rate == RATE
    np.testing.assert_allclose(heard, whole[2 * RATE : 2 * RATE + RATE // 2], atol=1e-6)
    for start, seconds in ((8.0, 1.0), (-1.0, 1.0), (1.0, 61.0), (float("nan"), 1.0)):
        with pytest.raises(InputError, match=r"a\.wav lasts 8\.0 s; 60 s are heard at once"):
            excerpt(recordings[0], start, seconds)


@contextmanager
def served(session):
    socket = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app(session, "secret", ["127.0.0.1"]), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()

    def asked(path, body=None, token="secret", host=None, **query):
        words = "&".join(f"{k}={v}" for k, v in {"token": token, **query}.items())
        data = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{socket.getsockname()[1]}{path}?{words}"
        return ask(address, data, host)

    try:
        yield asked
    finally:
        server.should_exit = True
        thread.join(20)
        socket.close()


def test_the_server(session):
    with served(session) as asked:
        for path in ("/", "/recordings", "/state", "/axes", "/tile/0/1/0", "/sound/0"):
            assert asked(path, token="wrong")[0] == 403, path
        assert asked("/edit", {"edit": ADD, "version": 0}, token="wrong")[0] == 403
        assert asked("/", host="evil.example")[0] == 400
        status, page, headers = asked("/")
        assert (status, b"What do you hear?" in page) == (200, True)
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        told = json.loads(asked("/recordings")[1])
        assert [(r["name"], r["seconds"], r["moments"]) for r in told["recordings"]] == [
            ("a.wav", 8.0, 32),
            ("b.wav", 8.0, 32),
        ]
        assert asked("/edit", {"edit": ADD, "version": 0})[0] == 200
        status, why, _ = asked("/edit", {"edit": mark(1.0, 0.5), "version": 0})
        assert (status, why) == (409, b"another page has changed the labels meanwhile: this page shows them now")
        assert asked("/edit", {"edit": mark(1.0, 0.5), "version": 1})[0] == 200
        assert json.loads(asked("/state", page="p", version=2)[1]) == {"version": 2, "pages": 1}
        assert json.loads(asked("/state", page="q", version=1)[1])["pages"] == 2
        curve = asked("/curve/rage")[1]
        assert len(curve) == 128 + 2 * 64 * 4
        assert asked("/edit", {"edit": {"type": "undo"}, "version": 99})[0] == 200
        for path in ("/curve/none", "/tile/9/1/0", "/tile/0/3/0", "/sound/0"):
            assert asked(path)[0] in (400, 409), path
        for body in ("x", {"edit": ADD}, [1], {"edit": 3, "version": 1}):
            assert asked("/edit", body)[0] == 409
        assert asked("/write", {})[0] == 409
        assert asked("/sound/1", **{"from": 1, "seconds": 0.5})[0] == 200


def test_bad_folders(tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    assert "holds no sounds" in run_cli(capsys, "label", tmp_path / "empty")[2]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.wav").write_bytes(b"RIFF, but no more")
    assert "a.wav cannot be read as sound" in run_cli(capsys, "label", tmp_path / "broken")[2]
    folder = write_recordings(tmp_path / "sounds")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    code, _, why = run_cli(capsys, "label", folder)
    assert code == 2
    assert f"{folder} is read-only: --param_dir names another folder" in why
    for words, option in ((["--axes", "5"], "--axes is 5"), (["--port", "70000"], "--port is 70000")):
        assert option in run_cli(capsys, "label", folder, *words)[2]


@pytest.mark.slow
def test_a_second_process_is_told(tmp_path, capsys):
    folder = write_recordings(tmp_path / "sounds")
    with command(tmp_path / "state", "label", str(folder), "--no-browser"):
        code, _, why = run_cli(capsys, "label", folder, "--port", "0", "--no-browser")
    assert code == 2
    assert f"{folder}: another process is already labelling there (process " in why
