"""How long it takes to load a data set and to assemble a batch.

python benchmarks/data.py DATA --prop rate [--batch_size 128 --seq_len 256]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from mtcrnn.config.tier import Tier
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--prop", nargs="*", default=[])
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--seq_len", type=int, default=256)
    args = parser.parse_args()
    loads, batches = [], []
    for _ in range(5):
        start = time.perf_counter()
        corpus = Corpus(Tier(prop=tuple(args.prop)), ParamManager(args.data))
        loads.append(time.perf_counter() - start)
    windows, _ = corpus.split(args.seq_len, 1, "tail")
    for step in range(1, 51):
        start = time.perf_counter()
        corpus.batch(windows, args.batch_size, 0, step)
        batches.append(time.perf_counter() - start)
    print(f"{len(corpus.names)} files: {statistics.median(loads):.3f} s to load (median of 5)")
    print(f"batch of {args.batch_size} x {args.seq_len}: {1000 * statistics.median(batches):.2f} ms (median of 50)")


if __name__ == "__main__":
    main()
