"""`mtcrnn quickstart`: a data set, a small model, a glide and its picture, a page to play; in minutes, on two cores."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from mtcrnn.cli.common import Commands, add_command
from mtcrnn.cli.training import train_once
from mtcrnn.config.arguments import file_path
from mtcrnn.config.generate import Generate

GLIDE_SECONDS, SAMPLE_RATE = 10.0, 16000
CONTROL_RATE = 100  # values of the rate parameter per second
MINUTES = 5.0


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn quickstart`."""
    summary = "make a texture, train on it, play a glide and write a page that plays, in minutes"
    parser = add_command(commands, "quickstart", summary, _quickstart)
    parser.add_argument(
        "--out", type=file_path, default=Path("output/quickstart"), help="folder of the run [%(default)s]"
    )
    parser.add_argument("--num_steps", type=int, default=None, help="training steps (default: train for five minutes)")


def _quickstart(args: argparse.Namespace) -> None:
    quickstart(args.out, args.num_steps)


def quickstart(out: Path, num_steps: int | None = None) -> None:
    """Make the pops texture, train on it, play a glide of the rate from 0 to 1, draw it, and write a page that plays.

    The data and the model of an earlier quick start in `out` are used again; unfinished training is finished first.

    Args:
        out: folder of the run.
        num_steps: training steps (default: `MINUTES` minutes).
    """
    from mtcrnn.textures import write_texture

    data = out / "pops"
    if not data.exists():
        print(f"1/5 making the texture 'pops': 11 wavs of 10 s, labelled by rate -> {data}")
        write_texture("pops", data, sample_rate=SAMPLE_RATE)
    length = {"minutes": MINUTES} if num_steps is None else {"num_steps": num_steps}
    what = f"on it for {f'{num_steps} steps' if num_steps else f'{MINUTES:g} minutes'}"
    train_once("2/5", what, out, ["rate"], {"data_dir": str(data), **length})
    _play_glide(out)
    _write_page(out)


def _play_glide(out: Path) -> None:
    """Write the glide of the rate, its sound and a picture of both."""
    import numpy as np

    from mtcrnn.audio import files as sound_files
    from mtcrnn.core.files import array_bytes, write_bytes
    from mtcrnn.rendering import plots
    from mtcrnn.rendering.generate import generate

    print("3/5 playing a glide of the rate from 0 (4 pops a second) to 1 (32 pops a second)")
    glide = np.linspace(0.0, 1.0, round(GLIDE_SECONDS * CONTROL_RATE))
    write_bytes(out / "glide.npy", array_bytes(glide[None, :, None]))
    wav = generate(
        Generate.of(
            model_dir=str(out),
            paramvect="external",
            external_array=str(out / "glide.npy"),
            external_sr=CONTROL_RATE,
            length=round(GLIDE_SECONDS * SAMPLE_RATE),
            out=str(out / "glide"),
            rand_seed=1,
        )
    )[0]
    sound, picture = sound_files.read(wav), out / "glide.png"
    times = np.arange(len(glide)) / CONTROL_RATE
    panels = [
        *plots.sound_panels(sound.samples, sound.sample_rate, wav.name),
        plots.curve_panel(times, glide, "rate"),
    ]
    plots.save(panels, "time (s)", picture)
    print(f"4/5 made {wav} (the sound) and {picture} (its picture, with the requested curve)")


def _write_page(out: Path) -> None:
    """Write the model as a page."""
    from mtcrnn.runs.packing import Texts
    from mtcrnn.web.export import export

    page = out / "pops.html"
    page.unlink(missing_ok=True)
    size = export([out], page, Texts("Pops", "Made by mtcrnn quickstart: move the rate."))
    print(f"5/5 made {page} ({size / 1e6:.1f} MB): open it in a browser, press Start and move the rate")
    print(f"next: mtcrnn generate --model_dir {shlex.quote(str(out))} --set rate=0.8 --out faster")
