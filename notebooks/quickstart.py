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
# # Quick start
#
# A data set, a model, and sound under your control, in five minutes.

# %%
from pathlib import Path

from IPython.display import Audio

import mtcrnn

minutes, files, seconds = 5, 11, 10.0
folder = Path("../output/notebook")

# %% [markdown]
# ## Sounds with labels
#
# A built-in texture stands in for your own folder of wavs: pops, labelled by `rate`, 0 to 1 for 4 to 32 per second.

# %%
if not (folder / "pops").exists():
    mtcrnn.textures.write_texture("pops", folder / "pops", files=files, seconds=seconds)
data = mtcrnn.ParamManager(folder / "pops")
for wav, params in data.files():
    print(wav.name, {name: param.values[0] for name, param in params.params.items()})

# %%
Audio(str(data.wavs()[-1]))

# %% [markdown]
# ## A model
#
# It reads all files again and again, and learns to predict the next sample for each rate. (The stop button saves.)
# `held-out` is the loss on sound that it does not train on.

# %%
if not (folder / "model" / "model").exists():
    mtcrnn.train(folder / "pops", ["rate"], (folder / "model").absolute(), minutes=minutes)
model = mtcrnn.load(folder / "model")
model.config.tier

# %% [markdown]
# ## Play it
#
# A gesture is an array of parameter values over time, 100 per second.

# %%
glide = mtcrnn.gestures.join(
    mtcrnn.gestures.constant(0.1, 2), mtcrnn.gestures.line(0.1, 0.9, 4), mtcrnn.gestures.constant(0.9, 2)
)
sound = mtcrnn.render(model, glide, seed=1)
Audio(sound, rate=model.config.tier.sample_rate)

# %% [markdown]
# Next, run `mtcrnn play output/notebook/model` in a terminal to play it live.
