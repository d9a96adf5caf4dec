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
# # Param files, and features from sounds
#
# Labels written by hand, and labels measured from the sounds.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import mtcrnn
from mtcrnn.audio.features import Settings
from mtcrnn.data.dataset import make_param
from mtcrnn.data.feature_files import write_features

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Sounds to work with
#
# FM tones with a gliding carrier, without their labels.

# %%
wavs = mtcrnn.textures.write_texture("fm", folder / "fm", files=3, seconds=2, glide=True)
for wav in wavs:
    wav.with_suffix(".params").unlink()
data = mtcrnn.ParamManager(folder / "fm")
data.check()

# %% [markdown]
# ## By hand

# %%
data.init()
for k, wav in enumerate(wavs):
    data.add(wav, "instrument", make_param([0, 2], [k, k], units="number", nvals=3, minval=0, maxval=2))
print(data.path_of(wavs[0]).read_text())

# %% [markdown]
# ## Measured
#
# Loudness, centroid and pitch, 50 times per second.

# %%
write_features(data, Settings(("rmse", "centroid", "pitch"), rate=50), processes=1)
data.check()

# %%
figure, axes = plt.subplots(3, 1, figsize=(9, 5), sharex=True)
for wav, file in data.files():
    for axis, name in zip(axes, ("rmse", "centroid", "pitch"), strict=True):
        param = file.params[name]
        axis.plot(param.times, param.values, label=wav.stem)
        axis.set_ylabel(f"{name} ({param.units})")
axes[-1].set_xlabel("time (s)")
axes[0].legend(fontsize=7)

# %% [markdown]
# A curve can be read at any rate, as training does:

# %%
np.round(data.read(wavs[0]).params["pitch"].sample(rate=10, first=0, count=20))
