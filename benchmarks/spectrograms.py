"""Spectrograms for the manual: recordings and what a model makes of them, and a glide with the pitch asked for.

python benchmarks/spectrograms.py continued RUN DATA OUT.png [--sounds 4]
python benchmarks/spectrograms.py glide RUN PARAMETER OUT.png [--set NAME=VALUE ...] [--top HZ]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import mtcrnn
from mtcrnn.audio import files as sound_files
from mtcrnn.data.dataset import ParamManager

SECONDS, GLIDE_S, WINDOW, FLOOR_DB = 2.0, 10.0, 2048, 80.0


def show(ax: Axes, sound: NDArray[np.float32], rate: int, top_hz: float, title: str) -> None:
    """Draw the spectrogram of samples [T]."""
    window = min(WINDOW, round(WINDOW * rate / 44100 / 2) * 2)
    power, _, _, image = ax.specgram(sound + 1e-9, NFFT=window, Fs=rate, noverlap=window * 3 // 4, cmap="magma")
    highest = 10 * np.log10(power.max())
    image.set_clim(highest - FLOOR_DB, highest)
    ax.set_ylim(0, top_hz)
    ax.set_ylabel("Hz")
    ax.set_title(title, loc="left", fontsize=10)


def save(figure: Figure, path: Path) -> None:
    """Write the picture."""
    figure.axes[-1].set_xlabel("s")
    figure.savefig(path, dpi=90)


def continued(args: argparse.Namespace) -> None:
    """The second halves of some recordings one after another; below, what the model plays after the first halves."""
    player, data = mtcrnn.load(args.run), ParamManager.at(args.data, None)
    tier = player.config.tier
    rate, channels = tier.sample_rate, tier.sound_channels
    chosen = [wav for wav in data.wavs() if sound_files.survey(wav)[0] >= 2 * SECONDS]
    chosen = chosen[:: max(len(chosen) // args.sounds, 1)][: args.sounds]
    real, made = [], []
    for wav in chosen:
        sound, length = sound_files.read_frames(wav, rate, channels), round(SECONDS * rate)
        half, file = len(sound) // 2, data.read(wav)
        curves = [file.get(name, wav).sample(rate, half - rate, rate + length) for name in tier.prop]
        parameters = np.stack(curves, axis=-1)[None]
        state = player.prime(player.init(1, 1), sound[None, half - rate : half], parameters[:, :rate])
        made.append(player.render(state, parameters[:, rate:])[0][0].mean(axis=-1))
        real.append(sound[half : half + length].mean(axis=-1))
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    top, below = figure.subplots(2, 1, sharex=True)
    top_hz = args.top or rate / 2
    show(top, np.concatenate(real), rate, top_hz, f"recordings ({', '.join(wav.stem for wav in chosen)})")
    show(below, np.concatenate(made), rate, top_hz, "the model, after the first half of each")
    save(figure, args.out)


def glide(args: argparse.Namespace) -> None:
    """One parameter from its lowest to its highest value; a line shows how often per second the sound should repeat."""
    player = mtcrnn.load(args.run)
    tier, ranges = player.config.tier, player.config.ranges
    rate = tier.sample_rate
    given = dict(word.split("=") for word in args.set)
    curve = np.linspace(ranges[args.parameter].low, ranges[args.parameter].high, round(GLIDE_S * rate))
    middle = {name: (ranges[name].low + ranges[name].high) / 2 for name in tier.prop}
    columns = [
        curve if name == args.parameter else np.full(len(curve), float(given.get(name, middle[name])))
        for name in tier.prop
    ]
    sound, _ = player.render(player.init(1, 1), np.stack(columns, axis=-1)[None])
    figure = Figure(figsize=(11, 3), layout="constrained")
    ax = figure.subplots()
    show(ax, sound[0].mean(axis=-1), rate, args.top or rate / 2, f"{args.parameter} from lowest to highest")
    for period in tier.periods:
        if period.name == args.parameter:
            ax.plot(np.arange(len(curve)) / rate, period.hertz(curve), color="white", linewidth=0.8, linestyle="--")
    save(figure, args.out)


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["continued", "glide"])
    parser.add_argument("run")
    parser.add_argument("of", help="the data of `continued`, or the parameter of `glide`")
    parser.add_argument("out", type=Path)
    parser.add_argument("--sounds", type=int, default=4)
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--top", type=float)
    args = parser.parse_args()
    args.data = args.parameter = args.of
    (continued if args.what == "continued" else glide)(args)


if __name__ == "__main__":
    main()
