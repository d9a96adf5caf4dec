"""The token in its file: the same after a restart, never one that others may have read."""

import os
import re

import pytest

from mtcrnn.serving.tokens import kept_token

GOOD = "abcdefghijklmnopqrstuv"


def test_the_token_is_the_same_the_next_time(tmp_path):
    folder = tmp_path / "state" / "mtcrnn"
    token = kept_token(folder)
    assert re.fullmatch(r"[\w-]{22}", token)
    assert kept_token(folder) == token
    assert (folder / "token").read_text() == token
    assert (folder / "token").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept_token(tmp_path / "other") != token
    assert [path.name for path in folder.iterdir()] == ["token"]


def put(folder, content, mode=0o600):
    folder.mkdir(exist_ok=True)
    (folder / "token").write_bytes(content)
    (folder / "token").chmod(mode)


def test_a_good_token_is_read(tmp_path):
    put(tmp_path, GOOD.encode())
    assert kept_token(tmp_path) == GOOD


@pytest.mark.parametrize(
    ("content", "mode"),
    [(b"", 0o600), (b"short", 0o600), (GOOD.encode() + b"\n", 0o600), (b"\xff" * 22, 0o600), (b"a" * 10**6, 0o600)]
    + [(GOOD.encode(), mode) for mode in (0o644, 0o640, 0o604, 0o620)],
)
def test_a_bad_token_or_one_that_others_may_read_is_replaced(tmp_path, content, mode):
    put(tmp_path, content, mode)
    token = kept_token(tmp_path)
    assert token not in (GOOD, content.decode(errors="replace"))
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert kept_token(tmp_path) == token


def test_links_and_pipes_are_not_read(tmp_path):
    (tmp_path / "elsewhere").write_text(GOOD)
    (tmp_path / "elsewhere").chmod(0o600)
    for make in (lambda path: path.symlink_to(tmp_path / "elsewhere"), os.mkfifo):
        folder = tmp_path / f"state{make.__name__}"
        folder.mkdir()
        make(folder / "token")
        token = kept_token(folder)
        assert token != GOOD
        assert kept_token(folder) == token
    assert (tmp_path / "elsewhere").read_text() == GOOD


def test_without_a_file_the_token_lasts_for_one_run(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "token").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "file", tmp_path / "folder", tmp_path.relative_to(tmp_path) / "~"):
        assert len({kept_token(folder), kept_token(folder)}) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["token"]
