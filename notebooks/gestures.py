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
# # Gestures
#
# A gesture is an array of parameter curves over time, `[length, parameters]`: in your own units, with 100 values per
# second by default.

# %%
import matplotlib.pyplot as plt
import numpy as np

from mtcrnn import gestures


def show(gesture, names):
    times = np.arange(len(gesture)) / gestures.RATE
    _, axes = plt.subplots(len(names), 1, figsize=(9, 1.6 * len(names)), sharex=True, squeeze=False)
    for k, name in enumerate(names):
        axes[k, 0].plot(times, gesture[:, k])
        axes[k, 0].set_ylabel(name)
    axes[-1, 0].set_xlabel("time (s)")


# %% [markdown]
# ## Shapes joined in time

# %%
rate = gestures.join(
    gestures.constant(0.2, 1),
    gestures.line(0.2, 0.8, 2),
    gestures.gaussian(0.2, 1.0, 2),
    gestures.steps([0.1, 0.5, 0.9], 0.5),
    gestures.sine(0.2, 0.8, hz=2, seconds=2),
)
show(rate, ["rate"])

# %% [markdown]
# ## Several parameters side by side
#
# All must have the same length. If one differs, the error says which.

# %%
note = gestures.steps([60, 62, 64, 65, 67], 0.6)
gate = np.tile(gestures.envelope(0.05, 0.1, 0.7, 0.2, 0.6), (5, 1))
show(gestures.stack(note, gate), ["note", "gate"])

# %%
show(gestures.spiral([400, 0], [800, 1], turns=4, seconds=4), ["centre", "irregularity"])

# %% [markdown]
# ## A batch: every combination of values
#
# `mtcrnn generate --names` uses the names for the files.

# %%
batch, names = gestures.grid({"note": range(60, 73), "timbre": np.linspace(0, 1, 11)}, seconds=2)
batch.shape, names[:3]

# %% [markdown]
# ## Saving to a file
#
# On the command line, `mtcrnn gesture dance rate=line:0,1,4 rate=sine:0,1,0.5,4` writes `dance.npy` and a picture.

# %%
np.save("../output/dance.npy", rate[None])
