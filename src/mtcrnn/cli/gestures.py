"""`mtcrnn gesture`: write gestures (parameter curves over time) from shapes, MIDI files or a grid of values."""

from __future__ import annotations

import argparse
import math
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtcrnn.cli.common import Commands, add_command
from mtcrnn.config.arguments import file_path, number
from mtcrnn.config.tier import check_name
from mtcrnn.core.errors import InputError, unknown
from mtcrnn.core.limits import MOST_SOUNDS

if TYPE_CHECKING:
    from mtcrnn.gestures import Gesture

# By shape: its numbers, how many there are at least, and at most.
SHAPES: dict[str, tuple[str, int, float]] = {
    "constant": ("VALUE,SECONDS", 2, 2),
    "line": ("FROM,TO,SECONDS", 3, 3),
    "gaussian": ("LOW,HIGH,SECONDS[,WIDTH]", 3, 4),
    "steps": ("SECONDS_EACH,VALUE,VALUE,...", 2, math.inf),
    "notes": ("SECONDS_EACH,MIDI_NUMBER,...", 2, math.inf),
    "sine": ("LOW,HIGH,HZ,SECONDS[,PHASE]", 4, 5),
    "envelope": ("ATTACK,DECAY,SUSTAIN,RELEASE,SECONDS[,HIGH]", 5, 6),
    "spiral": ("LOW,HIGH,LOW,HIGH,...,TURNS,SECONDS", 4, math.inf),
}
MIDI = "midi"
LARGEST = 1e30  # number: nets compute in float32


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn gesture`."""
    parser = add_command(commands, "gesture", "write a gesture (parameter curves over time) as .npy", _gesture)
    shapes = "; ".join(f"{name}:{numbers}" for name, (numbers, *_) in SHAPES.items())
    parser.add_argument("out", help="name of the .npy file (and of the picture next to it)")
    curves = f"NAME=SHAPE:NUMBERS, in the order of --prop; repeat a NAME to continue its curve. Shapes: {shapes}. "
    midi = f"NAME,NAME,...={MIDI}:FILE takes note (MIDI number), gate and velocity from a .mid file"
    parser.add_argument("curves", nargs="*", metavar="NAME=SHAPE:...", help=curves + midi)
    grid = "NAME=FROM:TO:COUNT or NAME=VALUE,VALUE,...: one sound for every combination, as a batch"
    parser.add_argument("--grid", nargs="+", default=[], metavar="NAME=...", help=grid)
    parser.add_argument("--seconds", type=number, default=2.0, help="seconds of each sound of a --grid [%(default)g]")
    parser.add_argument("--rate", type=number, default=100.0, help="values per second [%(default)g]")


def _gesture(args: argparse.Namespace) -> None:
    """Make the gesture, write it and its picture, and print how to play it."""
    from mtcrnn import gestures
    from mtcrnn.core.files import array_bytes, write_together
    from mtcrnn.rendering.plots import even_panel, picture
    from mtcrnn.rendering.write import stem_of

    if bool(args.curves) == bool(args.grid):
        raise InputError("give curves (NAME=SHAPE:NUMBERS) or a --grid" + (", not both" if args.grid else ""))
    stem = stem_of(args.out)
    labels: list[str] = []
    if args.grid:
        values = dict(_grid_values(word) for word in args.grid)
        names = list(values)
        if len(names) < len(args.grid):
            raise InputError(f"--grid {' '.join(args.grid)}: a name occurs twice")
        batch, labels = gestures.grid(values, args.seconds, rate=args.rate)
    else:
        names, gesture = parse_curves(args.curves, args.rate)
        batch = gesture[None]
    panels = [even_panel(args.rate, batch[:, :, k].T, name) for k, name in enumerate(names)]
    contents = {".npy": array_bytes(batch), ".png": picture(panels, "time (s)")}
    if labels:
        contents[".txt"] = "".join(f"{label}\n" for label in labels).encode()
    files = {ending: stem.with_name(stem.name + ending) for ending in contents}
    with write_together(list(files.values())) as new:
        for ending, path in files.items():
            (new / path.name).write_bytes(contents[ending])
    for path in files.values():
        print(f"wrote {path}")
    also = f" --names {shlex.quote(str(files['.txt']))}" if labels else ""
    array = shlex.quote(str(files[".npy"]))
    controls = f"--paramvect external --external_array {array} --external_sr {args.rate:.12g}{also}"
    print(f"next: mtcrnn generate --model_dir RUN {controls} (a RUN with --prop {' '.join(names)})")


def parse_curves(words: Sequence[str], rate: float) -> tuple[list[str], Gesture]:
    """The names and curves [L, C] that the words NAME=SHAPE:... describe, at `rate` values per second.

    Raises InputError for a word that cannot be read, too many values, or curves of different lengths.
    """
    import numpy as np

    from mtcrnn import gestures

    parts: dict[tuple[str, ...], list[Gesture]] = {}
    size = 0
    for word in words:
        left, _, right = word.partition("=")
        group = tuple(left.split(","))
        if not right:
            raise InputError(f"{word}: it must be NAME=SHAPE:NUMBERS")
        for name in group:
            check_name(name)
        with np.errstate(over="ignore"):  # from a width or an attack of almost 0 s; the result is still right
            made = _shape(word, right, rate)
        if right.startswith(f"{MIDI}:"):
            made = made[:, : len(group)]
        if made.shape[1] != len(group):
            raise InputError(f"{word}: this makes {made.shape[1]} curves for {len(group)} names")
        parts.setdefault(group, []).append(made)
        size += made.size
        if size > gestures.MOST_VALUES:
            raise InputError(f"{word}: too many values; at most {gestures.MOST_VALUES:,} in total")
    names = [name for group in parts for name in group]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{twice[0]} occurs in two groups of names; always name the same ones together")
    shown = [",".join(group) for group in parts]
    return names, gestures.stack(*(gestures.join(*made) for made in parts.values()), names=shown)


def _shape(word: str, text: str, rate: float) -> Gesture:
    """The curves [L, C] that SHAPE:NUMBERS describes; `word` is the whole argument, for messages."""
    from mtcrnn import gestures

    shape, _, rest = text.partition(":")
    if shape == MIDI:
        return gestures.from_midi(file_path(rest), rate=rate)
    if shape not in SHAPES:
        raise unknown("shape", shape, [*SHAPES, MIDI])
    wanted, least, most = SHAPES[shape]
    numbers = _floats(word, rest)
    if not least <= len(numbers) <= most:
        raise InputError(f"{word}: {shape} takes {wanted}")
    if shape in ("steps", "notes"):
        return getattr(gestures, shape)(numbers[1:], numbers[0], rate=rate)
    if shape == "spiral":
        *ranges, turns, seconds = numbers
        return gestures.spiral(ranges[::2], ranges[1::2], turns, seconds, rate=rate)
    return getattr(gestures, shape)(*numbers, rate=rate)


def _grid_values(word: str) -> tuple[str, list[float]]:
    name, _, text = word.partition("=")
    if not text:
        raise InputError(f"--grid {word}: it must be NAME=FROM:TO:COUNT or NAME=VALUE,VALUE,...")
    check_name(name)
    if ":" not in text:
        return name, _floats(word, text)
    numbers = _floats(word, text.replace(":", ","))
    if len(numbers) != 3 or numbers[2] != round(numbers[2]) or not 1 <= numbers[2] <= MOST_SOUNDS:
        raise InputError(
            f"--grid {word}: it must be NAME=FROM:TO:COUNT, with a count above 0 and at most {MOST_SOUNDS}"
        )
    low, high, count = numbers[0], numbers[1], round(numbers[2])
    return name, [low + (high - low) * k / max(count - 1, 1) for k in range(count)]


def _floats(word: str, text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{word}: {text!r} is not a list of numbers with commas between them") from error
    if not all(abs(number) <= LARGEST for number in numbers):
        raise InputError(f"{word}: all numbers must be finite, at most {LARGEST:g}")
    return numbers
