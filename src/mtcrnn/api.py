"""The Python API for notebooks (load, train, render, evaluate, export); `import mtcrnn` provides all of it.

A minimal session:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import mtcrnn
    >>> folder = Path(tempfile.mkdtemp())
    >>> wavs = mtcrnn.textures.write_texture("insects", folder / "sounds", files=3, seconds=3, sample_rate=4000,
    ...                                      settings={"pitch": 2000.0})
    >>> mtcrnn.ParamManager(folder / "sounds").check()  # no problems
    []
    >>> run = mtcrnn.train(folder / "sounds", ["rate"], folder / "run", num_steps=2, sample_rate=4000, hidden_size=16)
    >>> model = mtcrnn.load(run)
    >>> model.config.tier.prop, model.config.ranges["rate"].high
    (('rate',), 16.0)
    >>> sound = mtcrnn.render(model, mtcrnn.gestures.line(2, 16, seconds=0.5))
    >>> sound.shape, sound.dtype.name
    ((2000,), 'float32')
    >>> found = mtcrnn.evaluate(run, folder / "sounds", meters={"rate": "beat"})
    >>> found["bits_per_sample"] < 9, found["control"][0]["meter"]
    (True, 'beat')
    >>> mtcrnn.export(run, folder / "insects.html", title="Insects").name
    'insects.html'
    >>> mtcrnn.page(run)._repr_html_()[:16]
    '<iframe srcdoc="'
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtcrnn import evaluation
from mtcrnn.config.generate import Playing
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.data.curves import sample_array
from mtcrnn.data.dataset import ParamManager
from mtcrnn.gestures import RATE
from mtcrnn.rendering.opening import open_path
from mtcrnn.rendering.parameters import whole_steps
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered
from mtcrnn.runs.folders import find
from mtcrnn.runs.packing import Texts
from mtcrnn.web.export import export as write_page
from mtcrnn.web.export import model_data, page_of

if TYPE_CHECKING:
    from dataclasses import Field


def load(path: str | Path, *, step: int = 0, temperature: float = 1.0, precision: str = "auto") -> Player:
    """Load a trained model, ready to play.

    Args:
        path: a run folder, a model folder, a packed model (.mtcrnn), or a recipe (.toml) whose tiers are trained.
        step: which saved step; 0 is the newest.
        temperature: sampling temperature: 1 as trained, below 1 less random, above 1 more random.
        precision: of the weights: float32, int16, int8, or auto.

    Raises:
        InputError: no such model, or options out of range.
    """
    return open_path(Path(path), Playing(temp=temperature, precision=precision), step)  # type: ignore[arg-type]


def train(
    data_dir: str | Path, prop: Sequence[str], output_dir: str | Path, *, minutes: float | None = None, **options: Any
) -> Path:
    """Train a model of audio on labelled sounds, and return its folder.

    Args:
        data_dir: folder of sounds with param files.
        prop: names of the conditioning parameters.
        output_dir: folder of the run; a relative path goes under output/.
        minutes: how long to train, in minutes (default: for `num_steps` steps).
        options: any option of `mtcrnn train`, such as num_steps, sample_rate, hidden_size, net, lr, batch_size.

    Raises:
        InputError: an unknown option, bad data, an output folder that holds another run.
    """
    from mtcrnn.training.options import completed
    from mtcrnn.training.run import train

    own: dict[type, dict[str, Any]] = {Tier: {}, Net: {}, Train: {}}
    for name, value in options.items():
        owner = next((cls for cls in own if name in _fields(cls)), None)
        if owner is None:
            raise InputError(f"train has no option {name!r} (mtcrnn train --help lists them)")
        own[owner][name] = value
    places = {"data_dir": str(data_dir), "output_dir": str(output_dir)}
    length = {} if minutes is None else {"minutes": minutes}
    options = {**places, **length, **own[Train]}
    return train(*completed({"prop": tuple(prop), **own[Tier]}, own[Net], options))


def render(model: Player, gesture: ArrayLike, *, rate: float = RATE, seed: int = 0) -> NDArray[np.float32]:
    """Generate sound from a gesture, of the same duration.

    Args:
        model: from `load`.
        gesture: parameters in the user's units, in the order of the model: [length, C], or a batch [B, length, C].
        rate: values of the gesture per second; between them, it is interpolated linearly.
        seed: random seed: the same seed gives the same sound.

    Returns:
        Samples [T] in [-1, 1], of stereo [T, 2], at the model's sample rate, `model.config.tier.sample_rate`; for a
        batch, with B as first dimension.

    Raises:
        InputError: another shape, values that are not finite numbers, a rate that is not above 0, or a sound that is
            too long.
    """
    array = np.asarray(gesture, np.float64)
    batch = array[None] if array.ndim == 2 else array
    if batch.ndim != 3 or not batch.size or not rate > 0:
        raise InputError(f"a gesture is [length, parameters] at a rate above 0, not {list(array.shape)} at {rate:g}")
    sample_rate = model.config.tier.sample_rate
    seconds = batch.shape[1] / rate
    steps = whole_steps(seconds * sample_rate, f"the gesture lasts {seconds:g} s")
    frames = rendered(model, sample_array(batch, rate, sample_rate, 0, steps), "playing", seed)
    sounds = frames if frames.shape[2] > 1 else frames[..., 0]
    return sounds[0] if array.ndim == 2 else sounds


def evaluate(
    path: str | Path, data_dir: str | Path, *, holdout: str = "tail", meters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Measure a model against labelled sounds; the result is what `mtcrnn evaluate --json` prints.

    Args:
        path: a run or model folder.
        data_dir: folder of labelled sounds.
        holdout: which of the data the model has not seen: as in training, or 'all'.
        meters: the meter for each parameter (default: the one that follows it best).

    Returns:
        The measurements, by name (bits_per_sample, control, texture, stability, speed), as plain numbers and lists.

    Raises:
        InputError: no such model, a model that does not generate audio, or data without one of its parameters.
    """
    return evaluation.evaluate(str(path), ParamManager(Path(data_dir)), holdout, meters)


def export(
    path: str | Path | Sequence[str | Path],
    page: str | Path,
    *,
    title: str | None = None,
    about: str | None = None,
    licence: str | None = None,
    bits: int = 16,
) -> Path:
    """Write a page (.html) that plays one or several models in any browser, and return its path.

    Args:
        path: a run or model folder, or several.
        page: the file; one that exists is kept under another name.
        title: of the page (default: the model's name).
        about: a sentence on what it is.
        licence: what others may do with it.
        bits: of each weight: 16 (precision int16, which is also faster) or 32 (float32).

    Raises:
        InputError: no such model, one that generates no sound, two of one name, or a file that cannot be written.
    """
    paths = [path] if isinstance(path, str | Path) else path
    write_page([Path(each) for each in paths], Path(page), Texts(title, about, licence), bits)
    return Path(page)


@dataclass(frozen=True)
class InstrumentPage:
    """A page that plays a model, shown in a notebook's cell."""

    html: str
    height: int

    def _repr_html_(self) -> str:
        """The page in a frame of its own."""
        source = html.escape(self.html, quote=True)
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe srcdoc="{source}" style="{style}" allow="autoplay; midi"></iframe>'


def page(path: str | Path, *, height: int = 900) -> InstrumentPage:
    """The page of a model, which a notebook shows: its sound is made in the notebook's browser.

    Args:
        path: a run or model folder, or a packed model.
        height: in pixels.

    Raises:
        InputError: as `export`.
    """
    return InstrumentPage(page_of([model_data(find(str(path)), "int16")], Texts()), height)


def _fields(cls: Any) -> Mapping[str, Field[Any]]:
    return cls.__dataclass_fields__
