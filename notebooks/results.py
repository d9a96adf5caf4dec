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
# # Looking at results
#
# What was requested, what came out, and what a meter reads from it.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio, display

import mtcrnn
from mtcrnn.evaluation.meters import METERS

run, seconds = Path("../output/quickstart"), 6.0
if not run.exists():
    raise FileNotFoundError(f"{run} is not there: `mtcrnn quickstart` makes it, in five minutes")
model = mtcrnn.load(run)
sample_rate = model.config.tier.sample_rate

# %% [markdown]
# ## Sounds at several values

# %%
values = (0.1, 0.5, 0.9)
batch, names = mtcrnn.gestures.grid({"rate": values}, seconds=seconds)
sounds = mtcrnn.render(model, batch, seed=1)
for name, sound in zip(names, sounds, strict=True):
    print(name)
    display(Audio(sound, rate=sample_rate))

# %% [markdown]
# ## A glide: the requested curve and the spectrogram

# %%
glide = mtcrnn.gestures.line(0, 1, seconds)
sound = mtcrnn.render(model, glide, seed=2)
figure, (above, below) = plt.subplots(2, 1, figsize=(10, 5), sharex=True)
above.plot(np.arange(len(glide)) / mtcrnn.gestures.RATE, glide)
above.set_ylabel("rate")
below.specgram(sound + 1e-9, NFFT=256, Fs=sample_rate, noverlap=128, vmin=-140)
below.set(xlabel="time (s)", ylabel="Hz")
Audio(sound, rate=sample_rate)

# %% [markdown]
# ## What a meter reads
#
# `beat` measures the rate of events. (`mtcrnn evaluate` does this for all parameters, and on real sounds too.)

# %%
for value, sound in zip(values, sounds, strict=True):
    found = METERS["beat"](sound, sample_rate)
    print(f"asked {2 ** (2 + 3 * value):.1f}/s, measured", f"{found[0]:.1f}/s" if found else "nothing")
