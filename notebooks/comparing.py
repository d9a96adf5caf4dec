# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Comparing models
#
# Compare two saved steps of one run, or two runs: the same measurements of each, side by side.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

import mtcrnn

runs = {"the quick start": Path("../output/quickstart")}  # add your own
data = Path("../output/quickstart/pops")
for run in (*runs.values(), data):
    if not run.exists():
        raise FileNotFoundError(f"{run} is not there: `mtcrnn quickstart` makes it, in five minutes")

# %%
found = {name: mtcrnn.evaluate(run, data) for name, run in runs.items()}
for name, one in found.items():
    print(f"{name}: {one['bits_per_sample']:.3f} bits a sample, {one['speed']['rtf']:.0f} times real time")
    for followed in one["control"]:
        print(f"  {followed['parameter']}: median error {followed['median_relative_error']:.1%}")

# %%
figure, axis = plt.subplots(figsize=(6, 5))
for name, one in found.items():
    for followed in one["control"]:
        pairs = [(a, m) for a, m in zip(followed["asked"], followed["measured"], strict=True) if m is not None]
        axis.plot(*zip(*pairs, strict=True), "o", label=f"{name}: {followed['parameter']}")
axis.axline((10, 10), slope=1, color="0.7")
axis.set(xlabel="asked (events/s)", ylabel="measured (events/s)")
axis.legend()
