"""Files of the original that lie: each is imported or refused, in one line, quickly, in little memory."""

import collections
import io
import pickle
import random
import resource
import shutil
import time
import zipfile

import pytest
import torch

from helpers import run_cli
from mtcrnn.cli import main as cli
from test_original import flags_for, written_by_the_original

pytestmark = pytest.mark.slow

SEED = 6
LONGEST_S, LARGEST_KB, MOST_BYTES = 10, 300_000, 8 << 30
FLAGS = {
    "net": 0, "hidden_size": 6, "n_layers": 2, "prop": ["p0", "p1"], "cond_size": 2, "generate": ["g0", "g1", "g2"],
    "gen_size": 3, "sample_rate": 125, "mulaw_channels": 256, "onehot": False, "plstm": False,
}  # fmt: skip
VALUES = [
    "None", "'x'", "0", "-1", "1.5", "True", "[]", "['a', 'a']", "[1]", "('p0',)", "{}", "{1: 2}", "{1, 2}", "b'x'",
    "1j", "...", "1e400", "-1e400", "100000", "10000000000", "9" * 5000, "'" + "y" * 50_000 + "'", "'\\ud800'",
    "['\\n\\x1b[2J']", "['../../x']", "__import__('os').mkdir('hacked')", "lambda: 0", "f'{1}'", "x", "{[]: 1}",
    "'\\d'", "0x", "1if 1else 2", "[" * 90 + "]" * 90, "[" * 5000 + "]" * 5000, "-" * 50_000 + "1", "1" + "+1" * 25_000,
    "x" + ".x" * 25_000, "x" + "()" * 25_000, "not " * 15_000 + "1", "[" + "1," * 30_000 + "]", "(" * 5000,
]  # fmt: skip
FILES = [
    "", "\n", " " * 70_000, "\0", "x", "3", "x.y(net=0)", "Namespace", "Namespace(", "Namespace()", "Namespace(1)",
    "Namespace(**{'net': 0})", "Namespace(net=0) 1", "Namespace(net=0)\nimport os", "Namespace(net=\0)",
    "Namespace(net=0, net=1)", "Namespace(net==0)", "\ufeffNamespace(net=0)",
    "Namespace(" + ", ".join(f"a{k}=0" for k in range(5000)) + ")",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a small model of the original lies, with its flags."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old" / "model").mkdir(parents=True)
    (tmp_path / "old" / "log").mkdir()
    torch.save(written_by_the_original("0"), tmp_path / "old" / "model" / "model_3.pkl")
    write_flags(tmp_path / "old", FLAGS)
    return tmp_path / "old"


def write_flags(folder, flags):
    (folder / "log" / "args.txt").write_text(f"Namespace({', '.join(f'{k}={v!r}' for k, v in flags.items())})\n")


@pytest.fixture
def said(folder, capsys):
    """A function: what `mtcrnn import` says; "" where it imports."""
    before, usage = resource.getrlimit(resource.RLIMIT_DATA), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, before[1]))  # a mistake must not take the whole machine

    def say(what):
        started = time.perf_counter()
        code = cli.main(["import", "old/model", "--output_dir", "new"])
        assert time.perf_counter() - started < LONGEST_S, what
        error = capsys.readouterr().err
        made = (folder.parent / "output").exists()
        assert sorted(p.name for p in folder.parent.iterdir()) == (["old", "output"] if made else ["old"]), what
        shutil.rmtree(folder.parent / "output", ignore_errors=True)
        assert (code, error.count("\n"), made) == ((2, 1, False) if error else (0, 0, True)), what
        return error

    yield say
    resource.setrlimit(resource.RLIMIT_DATA, before)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - usage < LARGEST_KB


def test_the_untouched_one_is_imported(said):
    assert not said("as it was")


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag(folder, said, flag):
    for value in VALUES:
        others = ", ".join(f"{name}={given!r}" for name, given in FLAGS.items() if name != flag)
        (folder / "log" / "args.txt").write_text(f"Namespace({others}, {flag}={value})")
        error = said(f"{flag}={value[:40]}")
        harmless = flag in ("sample_rate", "mulaw_channels") or value in ("None", "0", "('p0',)")
        assert error or harmless, f"{flag}={value[:40]}"


@pytest.mark.parametrize("text", FILES, ids=lambda text: repr(text[:20]))
def test_files_of_flags(folder, said, text):
    (folder / "log" / "args.txt").write_text(text)
    assert said(text[:40])


def test_what_is_no_text(folder, said):
    file = folder / "log" / "args.txt"
    file.write_bytes(bytes(range(256)))
    assert "args.txt" in said("bytes")
    with file.open("ab") as end:
        end.truncate(1 << 36)
    assert "args.txt is not an args.txt of the original: it is too long" in said("64 GB")


def test_flags_for_more_than_there_is(folder, said):
    for flags in ({"hidden_size": 16384, "n_layers": 64}, {"hidden_size": 6000}, {"n_layers": 64}):
        write_flags(folder, FLAGS | flags)
        assert ("weights; " if "n_layers" in flags and len(flags) == 2 else "does not fit the flags") in said(flags)


def odd_tensors(tensor):
    """Other tensors of the same shape, or that claim it; those of the second dict can be imported."""
    one = torch.ones(1)
    refused = {str(dtype): tensor.to(dtype) for dtype in (torch.int8, torch.int64, torch.bool, torch.complex64)}
    refused |= {
        "float8": tensor.to(torch.float8_e4m3fn),
        "NaN": torch.full_like(tensor, float("nan")),
        "too large": torch.full_like(tensor, 1e39, dtype=torch.float64),
        "empty": torch.zeros(0),
        "a number": torch.tensor(1.0),
        "flat": tensor.flatten()[None],
        "endless": one.expand(2**40),
        "endless both ways": one.expand(2**31, 2**31),
        "sparse": torch.zeros_like(tensor).to_sparse(),
        "on no device": torch.empty_like(tensor, device="meta"),
        "a list": tensor.tolist(),
    }
    kept = {str(dtype): tensor.to(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64)}
    return refused, kept | {"a parameter": torch.nn.Parameter(tensor), "spread": one.expand(tensor.shape)}


@pytest.mark.parametrize("zipped", [True, False])
def test_every_tensor(folder, said, zipped):
    file, whole = folder / "model" / "model_3.pkl", written_by_the_original("0")
    for name, tensor in whole.items():
        others = {other: value for other, value in whole.items() if other != name}
        refused, kept = odd_tensors(tensor)
        cases = {
            "missing": others,
            "renamed": others | {f"{name}_": tensor},
            "a number for a name": others | {3: tensor},
        }
        for what, content in (cases | {what: others | {name: odd} for what, odd in refused.items()}).items():
            torch.save(content, file, _use_new_zipfile_serialization=zipped)
            assert said(f"{name}: {what}"), f"{name}: {what}"
        for what, odd in kept.items():
            torch.save(others | {name: odd}, file, _use_new_zipfile_serialization=zipped)
            assert not said(f"{name}: {what}"), f"{name}: {what}"
    for content in ([], 3, None, "x", {}, {"state": whole}, list(whole.values()), whole | {"": torch.ones(1)}):
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
        assert said(type(content)), content


class Call:
    """What a pickle asks to be called when it is read."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        Call(eval, "open('hacked', 'w')"),
        Call(bytearray, 2**36),
        Call(torch.FloatTensor, 2**36),
        Call(torch.UntypedStorage, 2**36),
        Call(collections.Counter, {"x": 1}),
    ],
    ids=lambda call: call.function.__name__,
)
def test_pickles_that_call(folder, said, call, zipped):
    torch.save(written_by_the_original("0") | {"x": call}, folder / "model" / "model_3.pkl",
               _use_new_zipfile_serialization=zipped)  # fmt: skip
    assert "is refused: it wants to run code" in said(call.function)


def rewritten(file, change, compression=zipfile.ZIP_STORED):
    """A zipped model whose entries are `change(name, content)`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def test_numbers_that_are_not_there(folder, said):
    file = folder / "model" / "model_3.pkl"
    torch.save({"i2d.bias": torch.zeros(6)}, file)
    claims = b"K\x06tq", b"K\x06\x85q"  # of the storage, of the tensor
    for size in (2**31 - 1, 2**20, 7):
        more = b"J" + size.to_bytes(4, "little")
        for wrong in ((claims[0],), (claims[1],), claims):

            def change(name, content, wrong=wrong, more=more):
                for claim in wrong if name.endswith("data.pkl") else ():
                    assert claim in content
                    content = content.replace(claim, more + claim[2:])
                return content

            file.write_bytes(rewritten(file, change))
            assert said((size, wrong))
            torch.save({"i2d.bias": torch.zeros(6)}, file)


def test_zips_that_grow_when_they_are_read(folder, said):
    file = folder / "model" / "model_3.pkl"
    torch.save({"i2d.bias": torch.zeros(1 << 24)}, file)
    file.write_bytes(rewritten(file, lambda name, content: content, zipfile.ZIP_DEFLATED))
    assert file.stat().st_size < 1 << 20
    assert "is damaged, or not a model of the original" in said("64 MB of zeros")


@pytest.mark.parametrize("zipped", [True, False])
def test_random_bytes(folder, said, zipped):
    rng, file = random.Random(SEED), folder / "model" / "model_3.pkl"
    torch.save(written_by_the_original("0"), file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    for k in range(150):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(2500 if k % 3 else len(data))] = rng.randrange(256)
        file.write_bytes(data[: rng.randrange(len(data)) if k % 10 == 0 else None])
        said(f"seed {SEED}, case {k}")


@pytest.mark.parametrize("content", [b"", b"\x80", b"hello", b"PK\3\4", pickle.dumps([1] * 5), b"(" * 10**5, b"N." * 9])
def test_what_is_no_model(folder, said, content):
    (folder / "model" / "model_3.pkl").write_bytes(content)
    assert said(content[:9])


def test_a_folder_and_a_file_without_end(folder, said, capsys):
    file = folder / "model" / "model_3.pkl"
    with file.open("ab") as end:
        end.truncate(1 << 36)
    assert "is damaged, or not a model of the original" in said("64 GB")
    file.unlink()
    file.mkdir()
    assert said("a folder")
    code, _, error = run_cli(capsys, "import", "old/model", "--step", 10**30, "--output_dir", "new")
    assert (code, "it has steps 3" in error) == (2, True)
    code, _, error = run_cli(
        capsys, "import", "old/model", *flags_for("0"), "--hidden_size", 10**30, "--output_dir", "x"
    )
    assert (code, "hidden_size" in error) == (2, True)
