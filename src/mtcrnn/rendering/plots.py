"""Plots of waveforms, spectrograms, curves, losses and evaluations. The only file that imports matplotlib.

A picture is a column of panels. Panels over time share one axis, so that a sound lies below the curve that it was
generated under.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.config.generate import check_external_rate
from mtcrnn.core.errors import InputError, listing, one_line
from mtcrnn.core.files import read_array, write_bytes
from mtcrnn.data.params import SUFFIX, ParamFile
from mtcrnn.data.store import Store
from mtcrnn.runs.folders import candidates
from mtcrnn.runs.log import LOG_NAME, read_log

Draw = Callable[[Axes], None]

FLOOR_DB = -90.0  # of a spectrogram, relative to its loudest point
WINDOW_S = 0.032  # of a spectrogram: 512 samples at 16 kHz
MOST_PANELS = 100
MOST_POINTS = 10_000  # of a curve: about ten per pixel of its width
LEAST_POINTS = 100  # of a curve, however many there are
MOST_COLUMNS = 2000  # of an image
LONGEST_TEXT = 100  # characters of a title or label


def plot_files(files: Sequence[Path], out: Path | None = None, external_sr: float | None = None) -> Path:
    """Draw sounds, parameter arrays (.npy), param files or a run's losses into one picture.

    Args:
        files: what to draw, top to bottom. A folder means the training log inside it.
        out: the picture; None puts it next to the first file, as .png.
        external_sr: values per second of the .npy files.

    Returns:
        The picture's path.

    Raises:
        InputError: a file that cannot be drawn, or losses mixed with things over time.
    """
    target = out or (files[0] / "losses.png" if files[0].is_dir() else files[0].with_suffix(".png"))
    kind_of(target)
    over_time: list[Draw] = []
    over_steps: list[Draw] = []
    for path in files:
        log = _find_log(path)
        if log:
            over_steps += _losses(log)
        elif sound_files.is_sound(path):
            over_time += sound_panels(*_read_sound(path), path.name)
        elif path.suffix.lower() == ".npy":
            over_time += _array_panels(path, external_sr)
        elif path.suffix == SUFFIX:
            file = ParamFile.read(path)
            over_time += [
                curve_panel(np.array(p.times), np.array(p.values), with_units(name, p.units))
                for name, p in file.params.items()
            ]
        else:
            raise InputError(f"{path}: this cannot be drawn; give sounds, .npy, {SUFFIX}, {LOG_NAME} or a run's folder")
    if bool(over_time) == bool(over_steps):
        raise InputError(
            "nothing to draw" if not over_time else "losses and sounds do not share an axis; draw them separately"
        )
    save(over_time or over_steps, "time (s)" if over_time else "training step", target)
    return target


def save(panels: Sequence[Draw], x_label: str, path: Path, share: bool = True) -> None:
    """Write a `picture`, in the format that the ending names (none: .png).

    Raises:
        InputError: a folder, an ending that matplotlib does not know, or panels that cannot be drawn.
    """
    write_bytes(path, picture(panels, x_label, share, kind_of(path)))


def kind_of(path: Path) -> str:
    """The picture format that a file's ending names. Raises InputError for an unknown ending and for a folder."""
    if path.is_dir():
        raise InputError(f"`out` {path} is a folder; give the name of a picture")
    kind, known = path.suffix.removeprefix(".").lower() or "png", FigureCanvasBase.get_supported_filetypes()
    if kind not in known:
        raise InputError(f"`out` {path}: the name of a picture must end in {listing(f'.{ending}' for ending in known)}")
    return kind


def picture(panels: Sequence[Draw], x_label: str, share: bool = True, kind: str = "png") -> bytes:
    """Panels below each other, on one x axis if they `share` it, as the content of a file.

    Raises:
        InputError: more than `MOST_PANELS`, or numbers that are too large for matplotlib.
    """
    _check_count(len(panels))
    figure = Figure(figsize=(11, 1.2 + 1.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=share, squeeze=False)[:, 0]
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # characters missing from the font, axes without width
            for draw, ax in zip(panels, axes, strict=True):
                draw(ax)
            axes[-1].set_xlabel(x_label)
            figure.savefig(buffer, format=kind, dpi=110)
    except (ValueError, OverflowError) as error:
        raise InputError(f"this cannot be drawn: {error}") from error
    return buffer.getvalue()


def _check_count(panels: int) -> None:
    if panels > MOST_PANELS:
        raise InputError(f"{panels} panels are too many for one picture; {MOST_PANELS} at most")


def thinned(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Curves [L] or [L, N] reduced to what a picture can show: the indices of the rows that are kept, and the rows.

    Long curves are reduced to the lowest and the highest value of each of up to some thousand stretches.
    """
    stretches = max(MOST_POINTS // (values[0].size or 1), LEAST_POINTS) // 2
    if len(values) <= 2 * stretches:
        return np.arange(len(values)), values
    first = np.arange(stretches) * len(values) // stretches
    low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    return np.repeat(first, 2), np.stack([low, high], axis=1).reshape(-1, *values.shape[1:])


def sound_panels(samples: NDArray[np.float32], sample_rate: int, name: str) -> list[Draw]:
    """Waveform and spectrogram of mono samples [T]; the samples themselves are not kept."""
    kept, shown = thinned(samples)
    hop, decibels = _spectrogram(samples, sample_rate)

    def waveform(ax: Axes) -> None:
        ax.plot(kept / sample_rate, shown, linewidth=0.4)
        ax.set_ylim(-1, 1)
        ax.set_ylabel("amplitude")
        ax.set_title(shown_text(name), loc="left", fontsize=10, parse_math=False)

    def spectrogram(ax: Axes) -> None:
        top = float(decibels.max())
        extent = (0.0, decibels.shape[1] * hop / sample_rate, 0.0, sample_rate / 2000)
        ax.imshow(
            decibels,
            origin="lower",
            aspect="auto",
            extent=extent,
            vmin=top + FLOOR_DB,
            vmax=top,
            cmap="magma",
        )
        ax.set_ylabel("kHz")

    return [waveform, spectrogram]


def _spectrogram(samples: NDArray[np.float32], sample_rate: int) -> tuple[int, NDArray[np.float32]]:
    """The hop, in samples from column to column, and decibels [frequencies, columns] of samples [T]."""
    window = min(max(2 * round(WINDOW_S * sample_rate / 2), 16), 4096)
    hop = max(window // 4, -(-len(samples) // MOST_COLUMNS))
    centres = np.arange(0, len(samples) + 1, hop)
    places = centres[:, None] + np.arange(-window // 2, window // 2)
    inside = (places >= 0) & (places < len(samples))
    frames = samples[np.clip(places, 0, len(samples) - 1)] * inside * np.hanning(window).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)).T ** 2
    return hop, 10 * np.log10(np.maximum(power, 1e-12))


def _read_sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """The mono samples [T] of a file, mapped from disk where they are many, and their rate in Hz."""
    store = Store(np.dtype(np.float32))
    with sound_files.source(path) as source:
        for block in source:
            store.add(block)
    return store.array(1)[:, 0], source.sample_rate


def with_units(name: str, units: str | None) -> str:
    """A parameter's label: its name, and its units if it has any."""
    return f"{name} ({units})" if units else name


def shown_text(words: str) -> str:
    """A title or label, with escapes for characters that cannot be shown, and shortened if it is long."""
    return one_line(words, LONGEST_TEXT)


def curve_panel(times: NDArray[np.float64], values: NDArray[Any], label: str) -> Draw:
    """One curve [L], or several [L, N], over time in seconds, in the user's units."""

    def draw(ax: Axes) -> None:
        kept, shown = thinned(values)
        ax.plot(times[kept], shown)
        ax.set_ylabel(shown_text(label), parse_math=False)
        ax.grid(alpha=0.3)

    return draw


def even_panel(rate: float, values: NDArray[Any], label: str) -> Draw:
    """A `curve_panel` of values at `rate` per second, starting at 0 s."""
    kept, shown = thinned(values)
    return curve_panel(kept / rate, shown, label)


def rows_panel(times: NDArray[np.float64], values: NDArray[Any], label: str) -> Draw:
    """Many curves [L, C] over time in seconds as the rows of one image, each scaled to its own range."""
    stride = -(-len(values) // MOST_COLUMNS)
    values = values[::stride]
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = ((values - low) / np.where(high > low, high - low, 1)).T

    def draw(ax: Axes) -> None:
        extent = (float(times[0]), float(times[-1]), -0.5, len(scaled) - 0.5)
        ax.imshow(scaled, origin="lower", aspect="auto", extent=extent, cmap="viridis", interpolation="nearest")
        ax.set_ylabel(shown_text(label), parse_math=False)

    return draw


def _array_panels(path: Path, external_sr: float | None) -> list[Draw]:
    if external_sr is None:
        raise InputError(f"{path}: `external_sr` (values per second) is needed to draw an array over time")
    check_external_rate(external_sr)
    array = read_array(path)
    if not array.size or not np.isfinite(array).all():
        raise InputError(f"{path} has shape {list(array.shape)}; it must hold values, all of them finite")
    rows = array.reshape(1, -1, 1) if array.ndim <= 1 else array.reshape(-1, *array.shape[-2:])
    _check_count(rows.shape[0] * rows.shape[2])
    return [
        even_panel(external_sr, rows[b, :, c], path.stem if rows.size == rows.shape[1] else f"{path.stem} [{b}, {c}]")
        for b in range(rows.shape[0])
        for c in range(rows.shape[2])
    ]


def _find_log(path: Path) -> Path | None:
    """The training log that a path means, or None."""
    for place in (path, *candidates(str(path))):
        for candidate in (place, place / LOG_NAME, place / "log" / LOG_NAME):
            if candidate.name == LOG_NAME and candidate.is_file():
                return candidate
    if path.is_dir() or not path.exists():
        raise InputError(f"{path}: no such file, or a folder without {LOG_NAME}")
    return None


def _losses(path: Path) -> list[Draw]:
    columns = read_log(path)

    def losses(ax: Axes) -> None:
        for name in ("loss", "held_out"):
            if columns[name]:
                steps, values = zip(*columns[name], strict=True)
                ax.plot(steps, values, label=name.replace("_", "-"))
        ax.set_ylabel("nats per sample")
        ax.legend()
        ax.grid(alpha=0.3)

    def speed(ax: Axes) -> None:
        if columns["samples_per_s"]:
            steps, values = zip(*columns["samples_per_s"], strict=True)
            ax.plot(steps, np.array(values) / 1000)
        ax.set_ylabel("1000 samples/s")
        ax.grid(alpha=0.3)

    return [losses, speed]
