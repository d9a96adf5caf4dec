"""Models of the original: the golden ones where present, others written here under the original's names."""

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import softmax, softplus

from helpers import SHARED, run_cli
from mtcrnn.compat import load_original
from mtcrnn.config.nets import NETS, canonical_net
from mtcrnn.core.errors import InputError

GOLDEN = sorted((SHARED / "golden").glob("*")) if (SHARED / "golden").is_dir() else []


def in_the_original_s_terms(raw, keys, generated):
    """Our raw numbers as the arrays that expected.npz names."""
    if "logits" in keys:
        return {"logits": raw}
    if "pi" in keys:
        mean, std, weight = raw.unflatten(-1, (3, 3, generated)).unbind(-3)
        return {"mu": mean, "sigma": softplus(std), "pi": softmax(weight, dim=-2)}
    mean, std = raw.chunk(2, dim=-1)
    return {"mu": mean, "sigma_raw": std}


@pytest.mark.skipif(not GOLDEN, reason="../shared/golden is not here")
@pytest.mark.parametrize("stepwise", [True, False])
@pytest.mark.parametrize("folder", GOLDEN, ids=lambda p: p.name)
def test_golden_models_give_the_original_s_numbers(folder, stepwise):
    flags = json.loads((folder / "flags.json").read_text())["flags"]
    net = load_original(folder / "model", 7, flags)
    expected = dict(np.load(folder / "expected.npz"))
    x = torch.from_numpy(expected.pop("inputs"))
    state, pieces = net.init_state(len(x)), []
    with torch.no_grad():
        for piece in x.split(1 if stepwise else x.shape[1], dim=1):
            raw, state = net(piece, state)
            pieces.append(raw)
    ours = in_the_original_s_terms(torch.cat(pieces, dim=1), expected, generated=3)
    assert ours.keys() == expected.keys()
    for name, array in expected.items():
        assert np.abs(ours[name].numpy() - array).max() < 1e-5, name


def linear(rng, out, into):
    return {"weight": torch.tensor(rng.normal(size=(out, into))), "bias": torch.tensor(rng.normal(size=out))}


def gru(rng, size, layers):
    made = {}
    for k in range(layers):
        for name, shape in (("weight_ih", (3 * size, size)), ("weight_hh", (3 * size, size))):
            made[f"{name}_l{k}"] = torch.tensor(rng.normal(size=shape) * 0.5)
        for name in ("bias_ih", "bias_hh"):
            made[f"{name}_l{k}"] = torch.tensor(rng.normal(size=3 * size) * 0.5)
    return made


H, L, G, C = 6, 2, 3, 2
STACKS = {
    "1": ["mu1", "sigma1"], "2": ["gru", "mu1", "sigma1"], "4": ["gru", *(f"out_pro.{k}.rec" for k in range(G))],
    "3": [f"out_pro.{k}.rec" for k in range(G)], "6": ["gru"], "0": ["gru"], "5": ["gru"],
}  # fmt: skip


def written_by_the_original(net: str, plstm: bool = False):
    """A state dict with random numbers under the original's names, generating G parameters (net 6: 16 codes)."""
    rng = np.random.default_rng(int(net))
    audio = net == "6"
    inputs = (1 if audio else G) + C
    parts = {"i2d": linear(rng, 3 * inputs if audio else H, inputs)}
    if audio:
        parts |= {"d2h": linear(rng, H, 3 * inputs), "h2o": linear(rng, 16, H)}
    elif net in "12":
        parts |= {"mu2": linear(rng, G, H), "sigma2": linear(rng, G, H)}
    elif net in "34":
        parts |= {f"out_pro.{k}.{head}": linear(rng, 1, H) for k in range(G) for head in ("h2n", "h2v")}
    elif net == "5":
        parts |= {name: linear(rng, 3 * G, H) for name in ("mu", "sigma", "pi")}
    else:
        parts |= {"h2n": linear(rng, G, H), "h2v": linear(rng, G, H)}
    if plstm:
        for k in range(L):
            cell = f"plstm_layer.cells.{k}"
            parts[f"{cell}.linear_ih"] = {"weight": torch.tensor(rng.normal(size=(4 * H, H)))}
            parts[f"{cell}.linear_hh"] = {"weight": torch.tensor(rng.normal(size=(4 * H, H)))}
            numbers = {"bias": (4 * H, 0, 1), "period": (H, 3, 20), "phase": (H, 0, 9), "ratio_on": (H, 0.1, 0.4)}
            parts[cell] = {name: torch.tensor(rng.uniform(low, high, n)) for name, (n, low, high) in numbers.items()}
    else:
        parts |= {name: gru(rng, H, L) for name in STACKS[net]}
    return {f"{part}.{name}": tensor.float() for part, group in parts.items() for name, tensor in group.items()}


def flags_for(net: str) -> list[str]:
    flags = ["--net", net, "--hidden_size", str(H), "--n_layers", str(L), "--prop", "p0", "p1", "--cond_size", "2"]
    return [
        *flags,
        *(["--mulaw_channels", "16"] if net == "6" else ["--generate", "g0", "g1", "g2", "--gen_size", "3"]),
    ]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_steps(w, x):
    """A GRU stack over x [T, H], step by step, as PyTorch documents it."""
    h, out = np.zeros((L, H)), []
    for value in x:
        for k in range(L):
            i = w[f"weight_ih_l{k}"] @ value + w[f"bias_ih_l{k}"]
            g = w[f"weight_hh_l{k}"] @ h[k] + w[f"bias_hh_l{k}"]
            r, z = sigmoid(i[:H] + g[:H]), sigmoid(i[H : 2 * H] + g[H : 2 * H])
            n = np.tanh(i[2 * H :] + r * g[2 * H :])
            h[k] = value = (1 - z) * n + z * h[k]
        out.append(value)
    return np.array(out)


def phased_steps(parts, x):
    """Equations 2 to 9 of arXiv 1610.09513 (no peepholes), step by step, time in steps."""
    h, c, out = np.zeros((L, H)), np.zeros((L, H)), []
    for t, value in enumerate(x):
        for k in range(L):
            cell = f"plstm_layer.cells.{k}"
            w = parts(cell)
            i, f, o, g = np.split(w["linear_ih.weight"] @ value + w["linear_hh.weight"] @ h[k] + w["bias"], 4)
            c_new = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
            h_new = sigmoid(o) * np.tanh(c_new)
            cycle = ((t - w["phase"]) % w["period"]) / w["period"]
            gate = np.where(cycle < w["ratio_on"] / 2, 2 * cycle / w["ratio_on"],
                            np.where(cycle < w["ratio_on"], 2 - 2 * cycle / w["ratio_on"], 0.001 * cycle))  # fmt: skip
            c[k] = gate * c_new + (1 - gate) * c[k]
            h[k] = value = gate * h_new + (1 - gate) * h[k]
        out.append(value)
    return np.array(out)


def raw_step_by_step(state_dict, net, x, plstm=False):
    """A reading of the original's table of nets in numpy: raw numbers [T, out] in our layout."""
    w = {name: tensor.double().numpy() for name, tensor in state_dict.items()}
    part = lambda prefix: {n.removeprefix(prefix + "."): a for n, a in w.items() if n.startswith(prefix + ".")}  # noqa: E731
    apply = lambda name, value: value @ w[f"{name}.weight"].T + w[f"{name}.bias"]  # noqa: E731
    y = np.maximum(apply("i2d", x), 0)
    if net == "6":
        return apply("h2o", gru_steps(part("gru"), apply("d2h", y)))
    if plstm:
        y = phased_steps(part, y)
        return np.concatenate([apply("h2n", y), apply("h2v", y)], axis=-1)
    if net in "0245":
        y = gru_steps(part("gru"), y)
    if net == "0":
        return np.concatenate([apply("h2n", y), apply("h2v", y)], axis=-1)
    if net == "5":
        return np.concatenate([apply(name, np.tanh(y)) for name in ("mu", "sigma", "pi")], axis=-1)
    if net in "12":
        parts = [apply(f"{n}2", gru_steps(part(f"{n}1"), y)) for n in ("mu", "sigma")]
        return np.concatenate(parts, axis=-1)
    stacks = [gru_steps(part(f"out_pro.{k}.rec"), y) for k in range(G)]
    heads = [apply(f"out_pro.{k}.{head}", stacks[k]) for head in ("h2n", "h2v") for k in range(G)]
    return np.concatenate(heads, axis=-1)


CASES = [(net, False) for net in "0123456"] + [("0", True)]


@pytest.mark.parametrize(("net", "plstm"), CASES)
def test_every_net_of_the_original_equals_a_step_by_step_reading(tmp_path, net, plstm):
    content = written_by_the_original(net, plstm)
    torch.save(content, tmp_path / "model_3.pkl")
    ours = load_original(tmp_path, 3, flags_for(net) + (["--plstm"] if plstm else [])).double()
    x = np.random.default_rng(9).normal(size=(2, 25, (1 if net == "6" else G) + C))
    expected = np.stack([raw_step_by_step(content, net, row, plstm) for row in x])
    with torch.no_grad():
        whole, _ = ours(torch.from_numpy(x), ours.init_state(2))
        state, steps = ours.init_state(2), []
        for t in range(25):
            raw, state = ours(torch.from_numpy(x[:, t : t + 1]), state)
            steps.append(raw)
    np.testing.assert_allclose(whole.numpy(), expected, atol=1e-10)
    np.testing.assert_allclose(torch.cat(steps, dim=1).numpy(), expected, atol=1e-10)


def test_the_cases_are_all_nets():
    assert {canonical_net(net) for net, plstm in CASES if not plstm} | {"phased-lstm", "frame", "subband"} == set(NETS)


def test_import_reads_args_txt_and_the_result_plays_like_the_pickle(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old" / "model").mkdir(parents=True)
    (tmp_path / "old" / "log").mkdir()
    torch.save(written_by_the_original("6"), tmp_path / "old" / "model" / "model_3.pkl")
    args = "Namespace(net=6, hidden_size=6, n_layers=2, prop=['p0', 'p1'], cond_size=2, gen_size=1, mulaw_channels=16, "
    (tmp_path / "old" / "log" / "args.txt").write_text(args + "generate=['audio'], lr=0.0005, data_dir='x')\n")
    code, out, err = run_cli(capsys, "import", "old/model", "--output_dir", "new")
    assert code == 0, err
    assert "made output/new/model/model_3" in out
    generate = ["generate", "--set", "p0=0.5", "p1=0:1", "--length", 300, "--rand_seed", 5]
    for name, more in {"a": ["--model_dir", "new"], "b": ["--model_dir", "old/model"],
                       "c": ["--model_dir", "old", "--step", 3, *flags_for("6")]}.items():  # fmt: skip
        code, _, err = run_cli(capsys, *generate, "--out", name, *more)
        assert code == 0, err
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes() == (tmp_path / "c.wav").read_bytes()
    code, _, err = run_cli(capsys, "import", "old/model", "--output_dir", "new")
    assert code == 2
    assert "already holds a model of step 3" in err


def test_bad_pickles_are_refused_in_one_line(tmp_path):
    class Evil:
        def __reduce__(self):
            return (__import__("os").mkdir, (str(tmp_path / "hacked"),))

    path = tmp_path / "model_3.pkl"

    def refused(message, flags=flags_for("0")):  # noqa: B008
        with pytest.raises(InputError, match=message) as error:
            load_original(tmp_path, 3, flags)
        assert "\n" not in str(error.value)

    torch.save({"x": Evil()}, path)
    refused(r"model_3\.pkl is refused: it wants to run code; expected a bare state dict of tensors")
    assert not (tmp_path / "hacked").exists()
    path.write_bytes(b"hello")
    refused(r"model_3\.pkl is (refused|damaged)")
    torch.save({"x": 3}, path)
    refused("does not hold a state dict of tensors")
    whole = written_by_the_original("0")
    torch.save(whole, path)
    path.write_bytes(path.read_bytes()[:2000])
    refused(r"model_3\.pkl is damaged")
    torch.save({n: t for n, t in whole.items() if n != "h2n.bias"} | {"odd": torch.ones(1)}, path)
    refused("does not fit the flags: h2n.bias is missing; odd is not known")
    torch.save(whole, path)
    refused(r"i2d\.weight is \[6, 5\], not \[7, 5\]", [*flags_for("0"), "--hidden_size", "7"])
    refused("`cond_size` is 5, but it must be 2", [*flags_for("0"), "--cond_size", "5"])
    with pytest.raises(InputError, match=r"has no model of the original .* of step 4; it has steps 3"):
        load_original(tmp_path, 4, flags_for("0"))
