"""What is learnt: the built-in textures, and real recordings; and their data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.files import write_text
from mtcrnn.textures import TEXTURES, write_texture
from mtcrnn.textures.synths import Parameter

STILL, MOVING, SECONDS = 48, 16, 8.0  # files of a texture that stand still and that move; seconds of each
RATE = 16000  # of the textures


@dataclass(frozen=True)
class Subject:
    """A data set: that of a texture, of which several parameters vary at once, or recordings.

    Attributes:
        name: of the row; that of the texture, if it is one.
        prop: the parameters.
        recordings: their folder inside the folder of recordings, if it is not a texture.
        meters: by parameter, where the data do not say them.
        options: of training, that a user would give.
    """

    name: str
    prop: tuple[str, ...]
    recordings: str | None = None
    meters: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Those of the texture."""
        return {name: TEXTURES[self.name].parameters[name] for name in self.prop}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The lowest and the highest value of each of the texture's parameters."""
        return {name: (about.low, about.high) for name, about in self.parameters.items()}

    def data(self, folder: Path, recordings: Path | None) -> Path:
        """The folder of the data; a texture's are written if they are not there."""
        if self.recordings:
            assert recordings is not None
            return recordings / self.recordings
        done = folder / "done"
        if not done.exists():
            common = {"vary": self.prop, "random": True, "seconds": SECONDS, "sample_rate": RATE}
            write_texture(self.name, folder / "still", files=STILL, seed=1, **common)
            write_texture(self.name, folder / "moving", files=MOVING, glide=True, seed=2, **common)
            write_text(done, "")
        return folder


# What the meters can read together: no beat is left of irregular pops, or of a crowd of insects.
VARIED = {"pops": ("rate", "centre"), "insects": ("rate", "pitch")}
TEXTURE_SUBJECTS = tuple(
    Subject(name, VARIED.get(name, tuple(texture.parameters))) for name, texture in TEXTURES.items()
)
RECORDED = (
    Subject("saxophone", ("pitch", "dynamic"), "sax_alto", {"pitch": "period", "dynamic": "loudness"}),
    Subject("piano", ("pitch",), "piano_48k_stereo", {"pitch": "period"}),
    Subject("brass", ("pitch",), "nsynth_brass", {"pitch": "period"}, {"period": ("pitch=MIDI",)}),
    Subject("rain and fire", ("kind",), "rain_fire"),
)


def texture_sounds(subject: Subject, parameters: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    """What the texture itself makes [B, T] of parameters [B, T, C]."""
    rows = []
    texture = TEXTURES[subject.name]
    for k, curves in enumerate(parameters):
        rest = {name: np.full(len(curves), about.default) for name, about in texture.parameters.items()}
        varied = dict(zip(subject.prop, curves.T, strict=True))
        rows.append(texture.sound(np.random.default_rng((seed, k)), rest | varied, RATE))
    return np.stack(rows)
