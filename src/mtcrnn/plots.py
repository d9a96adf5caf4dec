"""Level 3: pictures. The only file that imports matplotlib.

A picture is a column of panels; those over time share one axis, so that a sound stands under the curve that was
asked for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mtcrnn import audio
from mtcrnn.errors import InputError
from mtcrnn.files import write_bytes
from mtcrnn.params import SUFFIX, ParamFile
from mtcrnn.runlog import LOG_NAME, read_log

Draw = Callable[[Axes], None]

FLOOR_DB = -90.0  # below the loudest point of a spectrogram


def plot_files(files: Sequence[Path], out: Path | None = None, external_sr: float | None = None) -> Path:
    """Draw wavs, control arrays (.npy), param files or a run's losses into one picture.

    Args:
        files: what to draw, top to bottom. A folder stands for the training log inside it.
        out: the picture; None puts it beside the first file, as .png.
        external_sr: values per second of the .npy files.

    Returns:
        The picture's path.

    Raises:
        InputError: a file that cannot be drawn, or losses mixed with things over time.
    """
    over_time: list[Draw] = []
    over_steps: list[Draw] = []
    for path in files:
        log = _find_log(path)
        if log:
            over_steps += _losses(log)
        elif path.suffix.lower() in audio.WAV_SUFFIXES:
            sound = audio.read(path)
            over_time += sound_panels(sound.samples, sound.sample_rate, path.name)
        elif path.suffix == ".npy":
            over_time += _array_panels(path, external_sr)
        elif path.suffix == SUFFIX:
            file = ParamFile.read(path)
            over_time += [
                curve_panel(np.array(p.times), np.array(p.values), name + (f" ({p.units})" if p.units else ""))
                for name, p in file.params.items()
            ]
        else:
            raise InputError(f"{path}: cannot draw this; give .wav, .npy, {SUFFIX}, {LOG_NAME} or a run's folder")
    if bool(over_time) == bool(over_steps):
        raise InputError(
            "nothing to draw" if not over_time else "losses and sounds do not share an axis; draw them apart"
        )
    target = out or (files[0] / "losses.png" if files[0].is_dir() else files[0].with_suffix(".png"))
    save(over_time or over_steps, "time (s)" if over_time else "training step", target)
    return target


def save(panels: Sequence[Draw], x_label: str, path: Path, share: bool = True) -> None:
    """Write a `picture`, as .png or what the ending says."""
    try:
        write_bytes(path, picture(panels, x_label, share, path.suffix.removeprefix(".") or "png"))
    except ValueError as error:
        raise InputError(f"--out {path}: {str(error).splitlines()[0]}") from error


def picture(panels: Sequence[Draw], x_label: str, share: bool = True, kind: str = "png") -> bytes:
    """Panels under each other, on one x axis if they `share` it, as the content of a file.

    Raises:
        ValueError: a kind that matplotlib does not know.
    """
    figure = Figure(figsize=(11, 1.2 + 1.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=share, squeeze=False)[:, 0]
    for draw, ax in zip(panels, axes, strict=True):
        draw(ax)
    axes[-1].set_xlabel(x_label)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=110)
    return buffer.getvalue()


def sound_panels(samples: NDArray[np.float32], sample_rate: int, name: str) -> list[Draw]:
    """Waveform and spectrogram of mono samples [T]."""

    def waveform(ax: Axes) -> None:
        times = np.arange(len(samples)) / sample_rate
        ax.plot(times, samples, linewidth=0.4)
        ax.set_ylim(-1, 1)
        ax.set_ylabel("amplitude")
        ax.set_title(name, loc="left", fontsize=10)

    def spectrogram(ax: Axes) -> None:
        window, hop = 512, 128
        padded = np.pad(samples, (window // 2, window // 2))
        frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop] * np.hanning(window)
        power = np.abs(np.fft.rfft(frames, axis=1)).T ** 2
        decibels = 10 * np.log10(np.maximum(power, 1e-12))
        top = float(decibels.max())
        extent = (0.0, power.shape[1] * hop / sample_rate, 0.0, sample_rate / 2000)
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


def curve_panel(times: NDArray[np.float64], values: NDArray[Any], label: str) -> Draw:
    """One curve [L], or several [L, N], over time in seconds, in the user's units."""

    def draw(ax: Axes) -> None:
        ax.plot(times, values)
        ax.set_ylabel(label)
        ax.grid(alpha=0.3)

    return draw


def rows_panel(times: NDArray[np.float64], values: NDArray[Any], label: str) -> Draw:
    """Many curves [L, C] over time in seconds as the rows of one image, each scaled to its own range."""
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = ((values - low) / np.where(high > low, high - low, 1)).T

    def draw(ax: Axes) -> None:
        extent = (float(times[0]), float(times[-1]), -0.5, len(scaled) - 0.5)
        ax.imshow(scaled, origin="lower", aspect="auto", extent=extent, cmap="viridis", interpolation="nearest")
        ax.set_ylabel(label)

    return draw


def plot_control(control: Sequence[Mapping[str, Any]], path: Path) -> None:
    """What was asked for against what was measured, a panel for each parameter, as `evaluation.evaluate` found it."""

    def panel(one: Mapping[str, Any]) -> Draw:
        def draw(ax: Axes) -> None:
            ax.plot(one["asked"], one["asked"], color="0.7", label="asked")
            for part, mark in ((one, "o"), (one["glide"], "x")):
                heard = [(a, m) for a, m in zip(part["asked"], part["measured"], strict=True) if m is not None]
                label = "measured" if part is one else "measured on a glide"
                ax.plot([a for a, _ in heard], [m for _, m in heard], mark, label=label)
            ax.set_ylabel(f"{one['parameter']}: {one['meter']}")
            ax.legend()
            ax.grid(alpha=0.3)

        return draw

    if not control:
        raise InputError("no parameter could be measured: there is nothing to draw")
    save([panel(one) for one in control], "asked", path, share=False)


def _array_panels(path: Path, external_sr: float | None) -> list[Draw]:
    if external_sr is None:
        raise InputError(f"{path}: --external_sr (values per second) is needed to draw an array over time")
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no plain .npy array of numbers: {error}") from error
    rows = array.reshape(1, -1, 1) if array.ndim == 1 else array.reshape(-1, *array.shape[-2:])
    times = np.arange(rows.shape[1]) / external_sr
    return [
        curve_panel(times, rows[b, :, c], path.stem if rows.size == rows.shape[1] else f"{path.stem} [{b}, {c}]")
        for b in range(rows.shape[0])
        for c in range(rows.shape[2])
    ]


def _find_log(path: Path) -> Path | None:
    """The training log that a path stands for, or None."""
    for candidate in (path, path / LOG_NAME, path / "log" / LOG_NAME):
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
