"""What the meters read from files of every texture, and what its parameters say; how fast files are made; pictures.

    python benchmarks/textures.py --seconds 60 --pictures docs/images

Events of rain and fire come at random: the `expected error` is one standard deviation of their number.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np

from mtcrnn.audio import files as sound_files
from mtcrnn.data.dataset import ParamManager
from mtcrnn.evaluation.meters import METERS
from mtcrnn.rendering import plots
from mtcrnn.textures import TEXTURES, write_texture

VALUES, PICTURE_SECONDS = 5, 6.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each file [%(default)g]")
    parser.add_argument("--pictures", type=Path, help="folder for texture-NAME.png")
    args = parser.parse_args()
    columns = "texture", "parameter", "meter", "value: expected, read", "largest error", "expected error", "speed"
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory() as folder:
        write_texture("pops", Path(folder) / "warm-up", files=1, seconds=1)  # compiles
        for name, texture in TEXTURES.items():
            for p in texture.parameters:
                print(row(name, p, Path(folder) / name / p, args.seconds))
            if args.pictures:
                picture(name, args.pictures)


def row(name: str, p: str, folder: Path, seconds: float) -> str:
    parameter = TEXTURES[name].parameters[p]
    started = time.perf_counter()
    write_texture(name, folder, vary=(p,), files=VALUES, seconds=seconds)
    speed = VALUES * seconds / (time.perf_counter() - started)
    cells, errors, expected = [], [], 0.0
    for wav, file in ParamManager(folder).files():
        values = {q: file.params[q].values[0] for q in TEXTURES[name].parameters}
        sound = sound_files.read(wav)
        read, wanted = METERS[parameter.meter](sound.samples, sound.sample_rate), parameter.expected(values)
        cells.append(f"{values[p]:g}: {wanted:.4g}, {read[0]:.4g}")
        errors.append(abs(read[0] - wanted))
        if wanted > 0.05:
            errors[-1] /= wanted
        if "density" in values:
            expected = max(expected, 1 / math.sqrt(seconds * values["density"]))
    share = f"{max(errors):.1%}" if errors else ""
    return f"| {name} | {p} | {parameter.meter} | {'; '.join(cells)} | {share} | {expected:.1%} | {speed:.0f} |"


def picture(name: str, to: Path) -> None:
    p, parameter = next(iter(TEXTURES[name].parameters.items()))
    length, rate = round(PICTURE_SECONDS * 16000), 16000
    curves = {q: np.full(length, other.default) for q, other in TEXTURES[name].parameters.items()}
    curves[p] = np.linspace(parameter.low, parameter.high, length)
    sound = TEXTURES[name].sound(np.random.default_rng(0), curves, rate)
    panels = [
        *plots.sound_panels(sound, rate, f"{name}: {p} from {parameter.low:g} to {parameter.high:g}"),
        plots.curve_panel(np.arange(length) / rate, curves[p], f"{p} ({parameter.units})"),
    ]
    to.mkdir(parents=True, exist_ok=True)
    plots.save(panels, "time (s)", to / f"texture-{name}.png")


if __name__ == "__main__":
    main()
