"""How fast does a cascade like the one in the original's manual play on one core? Real-time factor, random weights.

    python benchmarks/cascade.py [--audio 4x256] [--threads 1]

Tiers: 3 x 300 GRU at 125 Hz, 3 x 500 at 500 Hz (13 values), and the audio tier at 16 kHz under 13 parameters.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.engine import Engine
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.cascade import Cascade
from mtcrnn.rendering.opening import SLOW_SHARE

SECONDS, BLOCK = 2.0, 320  # blocks of 20 ms, as in live playing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", default="4x256", help="layers x units")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    layers, hidden = (int(n) for n in args.audio.split("x"))
    features, mfcc = ("rmse", "centroid", "pitch"), tuple(f"mfcc{k}" for k in range(13))
    ranges = dict.fromkeys(("fill", *features, *mfcc), Range(0.0, 1.0))

    def engine(tier: Tier, net: Net, share: float) -> Engine:
        model = new_model(ModelConfig(tier, net, ranges), 0)
        weights = {name: tensor.numpy() for name, tensor in model.module.state_dict().items()}
        return Engine(model.config, weights, threads=args.threads, share=share)

    tiers = {
        "tier3": engine(Tier(features, ("fill",), 125), Net("gru", 300, 3), SLOW_SHARE),
        "tier2": engine(Tier(mfcc, features, 500), Net("gru", 500, 3), SLOW_SHARE),
        "tier1": engine(Tier(("audio",), mfcc, 16000), Net("gru", hidden, layers), 1 - 2 * SLOW_SHARE),
    }
    cascade = Cascade(tiers, ["fill"])
    print(", ".join(f"{name} {player.precision}" for name, player in tiers.items()))
    for names in (["tier3", "tier2", "tier1"], ["tier1"]):
        playing = cascade if len(names) > 1 else tiers["tier1"]
        factors = []
        for run in range(5):
            state = playing.init(run)
            controls = np.full((1, BLOCK, len(playing.config.tier.prop)), 0.5)
            started = time.perf_counter()
            for _ in range(round(SECONDS * 16000 / BLOCK)):
                _, state = playing.render(state, controls)
            factors.append(SECONDS / (time.perf_counter() - started))
        print(f"{' + '.join(names)}: RTF {statistics.median(factors):.2f} (median of 5, {args.threads} core)")


if __name__ == "__main__":
    main()
