"""Model folders that lie: each plays or is refused, in one line, quickly, in little memory, with nothing written."""

import json
import math
import random
import resource
import shutil
import struct
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from helpers import tiny_model
from mtcrnn.cli import main as cli
from mtcrnn.config.nets import Net
from mtcrnn.engine import Engine
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint

pytestmark = pytest.mark.slow

SEED = 4
LONGEST_S, LARGEST_KB, MOST_BYTES = 10, 300_000, 8 << 30
ENGINES = ("numba", "torch")
NUMBERS = [json.dumps(v) for v in (0, -1, 1, 7, 0.5, 5e-324, 10**5, 10**9, 2**63, 1e308, math.nan, None, True, {})]
NUMBERS += ["1e400", "-1e400", '"x"', "[[[[1]]]]", "9" * 5000, "[" * 3000 + "]" * 3000]
TEXTS = ['""', '"x"', '"../../x"', r'"a\nb\u001b[2J"', r'"\ud800"', '"' + "y" * 100_000 + '"', "3", "null", "[]"]


@pytest.fixture
def model(tmp_path):
    """The folder of a small model that plays under `pitch`."""
    config = replace(tiny_model().config, net=Net("frame", 8, 3, frame_size=4), step=7)
    made = new_model(config, 0)
    Engine(config, {name: tensor.numpy() for name, tensor in made.module.state_dict().items()})  # compiled from here on
    return checkpoint.save(tmp_path, made)


@pytest.fixture
def said(model, capsys):
    """A function: what `mtcrnn generate` says of the model in `model` with an engine; "" where it plays."""
    before, usage = resource.getrlimit(resource.RLIMIT_DATA), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, before[1]))  # a mistake must not take the whole machine
    made = model.parent / "made"

    def say(engine, what):
        words = ["--engine", engine, "--set", "pitch=60", "--length", "9", "--rand_seed", "1", "--out", f"{made}/x"]
        started = time.perf_counter()
        code = cli.main(["generate", "--model_dir", str(model), *words])
        assert time.perf_counter() - started < LONGEST_S, what
        error = capsys.readouterr().err
        assert made.exists() == (code == 0), what
        if code == 0:
            shutil.rmtree(made)
            return ""
        assert (code, error.count("\n")) == (2, 1), what
        return error

    yield say
    resource.setrlimit(resource.RLIMIT_DATA, before)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - usage < LARGEST_KB


def leaves(content, path=()):
    """Path and value of everything in nested dicts and lists that is neither."""
    if not isinstance(content, dict | list):
        yield path, content
    else:
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from leaves(value, (*path, key))


def changed(content, path, change):
    """A copy of nested dicts and lists in which `change(holder, key)` was called for what stands at a path."""
    copy = json.loads(json.dumps(content))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return copy


def renamed(holder, key):
    holder[f"{key}_"] = holder.pop(key)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_of_the_config(model, said, engine):
    config = json.loads((model / "config.json").read_text())
    for path, value in leaves(config):
        for raw in TEXTS if isinstance(value, str) else NUMBERS:
            text = json.dumps(changed(config, path, lambda holder, key: holder.__setitem__(key, "VALUE")))
            (model / "config.json").write_text(text.replace('"VALUE"', raw))
            what = f"{'.'.join(map(str, path))} = {raw[:40]}"
            error = said(engine, what)
            plays = path[0] in ("ranges", "step") or path[-1] == "sample_rate" or (path, raw) == (("version",), "1")
            assert error or plays or json.loads(raw) == value, what


@pytest.mark.parametrize("engine", ENGINES)
def test_every_key_of_the_config(model, said, engine):
    config = json.loads((model / "config.json").read_text())
    paths = {path[:n] for path, _ in leaves(config) for n in range(1, len(path) + 1) if isinstance(path[n - 1], str)}
    needed = {("tier", "prop"), ("ranges",), ("ranges", "pitch"), ("version",)} | {p for p in paths if p[0] == "net"}
    needed.remove(("net", "plstm"))
    for path in sorted(paths):
        (model / "config.json").write_text(json.dumps(changed(config, path, lambda holder, key: holder.pop(key))))
        assert said(engine, f"without {path}") or path not in needed
        (model / "config.json").write_text(json.dumps(changed(config, path, renamed)))
        assert said(engine, f"{path} renamed")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"net": {"hidden_size": 100_000}}, "net: --hidden_size is 100000; it must be above 0 and at most 16384"),
        ({"net": {"n_layers": 100_000}}, "net: --n_layers is 100000; it must be above 0 and at most 64"),
        ({"net": {"hidden_size": 16384, "n_layers": 64, "frame_size": 4096}}, " weights"),
        ({"net": {"hidden_size": 4096}}, "gru.weight_ih_l0 is [24, 5], not [12288, 5]"),
        ({"tier": {"mulaw_channels": 65536}}, ".weight is [16, 8], not [65536, 8]"),
        ({"tier": {"onehot": True}}, "--onehot is for other nets"),
        ({"tier": {"prop": ["other"]}}, "other"),
        ({"tier": {"generate": ["p"]}, "ranges": {"p": {"low": 0.0, "high": 1.0}}}, "--net frame generates audio"),
        ({"step": -1}, "step"),
    ],
)
def test_what_is_said(model, said, change, problem):
    config = json.loads((model / "config.json").read_text())
    for key, value in change.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    (model / "config.json").write_text(json.dumps(config))
    for engine in ENGINES:
        assert problem in said(engine, change)


def test_names_without_number(model, said):
    config = json.loads((model / "config.json").read_text())
    config["tier"]["prop"] = [f"p{k}" for k in range(20_000)]
    (model / "config.json").write_text(json.dumps(config))
    for engine in ENGINES:
        assert said(engine, "20,000 names")


@pytest.mark.parametrize("engine", ENGINES)
def test_every_tensor(model, said, engine):
    file = model / "weights.safetensors"
    tensors = load(file.read_bytes())
    dtypes = (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64, torch.bool, torch.float8_e4m3fn)
    for name, tensor in tensors.items():
        others = {other: value for other, value in tensors.items() if other != name}
        broken = tensor.clone()
        broken.view(-1)[-1] = float("nan")
        wrong = {
            "missing": {},
            "renamed": {f"{name}_": tensor},
            "longer": {name: torch.cat([tensor, tensor])},
            "turned": {name: tensor[None].mT.contiguous()},
            "a number": {name: torch.tensor(1.0)},
            "empty": {name: torch.zeros(0)},
            "NaN": {name: broken},
            "infinite": {name: torch.full_like(tensor, float("inf"))},
            **{str(dtype): {name: tensor.to(dtype)} for dtype in dtypes},
        }
        for what, given in wrong.items():
            file.write_bytes(save(others | given))
            assert said(engine, f"{name} {what}")
        for value in (0.0, 1e-45, 3e38, -3e38):
            file.write_bytes(save(others | {name: torch.full_like(tensor, value)}))
            assert not said(engine, f"{name} all {value}")
    file.write_bytes(save(tensors | {"extra": torch.zeros(3)}))
    assert "extra is not known" in said("torch", "extra")


def headers(tensors):
    """Headers of a weights file that lie, by what they say."""
    lies = {
        "shape": [[2**62, 2**62], [-1], [1e9], "x", None, [[1]], [2**40], [2**64]],
        "data_offsets": [[0, 2**63], [5, 1], [0], "x", None, [-1, 4], [0, 0], [2**64, 2**65]],
        "dtype": ["X", 3, None, "F4", "F8_E8M0", "I2", "C64"],
    }
    for name in tensors:
        for key, values in lies.items():
            for value in values:
                yield (
                    f"{name}.{key} = {value}",
                    changed(tensors, (name, key), lambda h, k, v=value: h.__setitem__(k, v)),
                )


def test_every_number_of_a_header(model, said):
    file = model / "weights.safetensors"
    whole = file.read_bytes()
    (size,) = struct.unpack("<Q", whole[:8])
    start, body = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    for k, (what, header) in enumerate(headers(start)):
        text = json.dumps(header).encode()
        file.write_bytes(struct.pack("<Q", len(text)) + text + body)
        assert said(ENGINES[k % 2], what)
    for length in (0, 1, size - 1, size + 1, 2**31, 2**40, 2**63, 2**64 - 1):
        file.write_bytes(struct.pack("<Q", length) + whole[8:])
        assert said("numba", f"a header of {length} bytes")
    for cut in (0, 1, 8, 9, 7 + size, 8 + size, 9 + size, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert said("torch", f"cut at {cut}")
    for text in (b"[" * 100_000, whole[8 : 8 + size].rstrip()[:-1] + b', "head.bias": {}}'):
        file.write_bytes(struct.pack("<Q", len(text)) + text + body)
        assert said("torch", text[:20])


def test_random_bytes(model, said):
    rng = random.Random(SEED)
    file = model / "weights.safetensors"
    whole = file.read_bytes()
    for k in range(200):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(400 if k % 4 else len(data))] = rng.randrange(256)
        file.write_bytes(data)
        said(ENGINES[k % 2], f"seed {SEED}, case {k}")


def test_files_that_are_none_and_one_without_end(model, said):
    file = model / "weights.safetensors"
    with file.open("ab") as end:
        end.truncate(1 << 36)  # takes no room on the disk
    assert said("numba", "64 GB")
    file.unlink()
    assert "cannot be read as model weights" in said("torch", "no weights")
    file.mkdir()
    assert "cannot be read as model weights" in said("numba", "a folder")
    (model / "config.json").unlink()
    (model / "config.json").mkdir()
    assert said("torch", "a folder for a config")
