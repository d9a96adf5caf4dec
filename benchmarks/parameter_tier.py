"""Does a parameter tier vary as much as its data? Held-out likelihood against a constant Gaussian; sampled variance.

    python benchmarks/parameter_tier.py DATA PARAMS OUT --generate rmse centroid --prop note gate --holdout NAME

Trains on all files of curves but one. Prints the held-out file's nats per value next to those of the best constant
Gaussian (fitted to that file itself), and the variance of curves sampled under each file's own parameters, primed with
its first --prime steps, over the real variance: within files (mean over files) and over all files together.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import restore
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.rendering.torch_player import TorchPlayer
from mtcrnn.runs import checkpoint
from mtcrnn.training import run as training

TAKES = 4  # sampled curves of each file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data_dir", "param_dir", "out"):
        parser.add_argument(name)
    parser.add_argument("--generate", nargs="+", required=True)
    parser.add_argument("--prop", nargs="+", required=True)
    parser.add_argument("--holdout", required=True, help="stem of the wav that is held out")
    parser.add_argument("--net", default="gru")
    numbers = {"sample_rate": 125, "hidden_size": 48, "num_steps": 1800, "seq_len": 499, "prime": 8}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tfr", type=float, default=0.9)
    args = parser.parse_args()
    tier = Tier(tuple(args.generate), prop=tuple(args.prop), sample_rate=args.sample_rate)
    options = Train(
        data_dir=args.data_dir,
        param_dir=args.param_dir,
        output_dir=str(Path(args.out).absolute()),
        num_steps=args.num_steps,
        batch_size=32,
        seq_len=args.seq_len,
        carry=False,
        lr_final=0.0001,
        tfr=args.tfr,
        holdout=f"file:{args.holdout}",
        checkpoint=args.num_steps,
    )
    net = Net(args.net, args.hidden_size, n_layers=1)
    model = checkpoint.load(training.train(tier, net, options))
    corpus = Corpus(tier, ParamManager.at(args.data_dir, args.param_dir), model.config.ranges)
    player, real, sampled = TorchPlayer(model), [], []
    for i, wav in enumerate(corpus.names):
        place = slice(corpus.offsets[i], corpus.offsets[i + 1])
        values, conditions = torch.from_numpy(corpus.values[place]), torch.from_numpy(corpus.conditioning[place])
        if wav.stem == args.holdout:
            with torch.no_grad():
                x = model.inputs(values[None, :-1], conditions[None, 1:])
                raw, _ = model.net(x, model.net.init_state(1))
                nats = float(model.distribution.losses(raw, values[None, 1:]).mean())
            constant = float(values[1:].std(dim=0, correction=0).log().mean() + 0.5 * np.log(2 * np.pi * np.e))
            print(f"{wav.stem}, held out: {nats:.3f} nats a value; the best constant Gaussian: {constant:.3f}")
        users = np.repeat(restore(conditions.numpy(), corpus.ranges, tier.prop)[None], TAKES, axis=0)
        primed = np.repeat(model.encoding.decode(values.numpy())[None, : args.prime], TAKES, axis=0)
        state = player.prime(player.init(i, TAKES), primed, users[:, : args.prime])
        made, _ = player.render(state, users[:, args.prime :])
        real.append(values[args.prime :].numpy())
        sampled.append(model.encoding.encode(made))
    within = np.mean([s.var(axis=1).mean(axis=0) for s in sampled], axis=0) / np.mean([r.var(axis=0) for r in real], 0)
    over_all = np.concatenate(sampled, 1).reshape(-1, len(args.generate)).var(0) / np.concatenate(real).var(0)
    for name, one, other in zip(args.generate, within, over_all, strict=True):
        print(f"{name}: sampled variance / real variance: {one:.2f} within files, {other:.2f} over all")


if __name__ == "__main__":
    main()
