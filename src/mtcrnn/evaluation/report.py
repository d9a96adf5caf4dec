"""The evaluation report: results as lines of text, as `mtcrnn evaluate` prints them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

PITCHES = ("pitch", "period", "peak", "carrier")  # meters whose errors are also given in cents


def evaluation_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The lines for the result of `evaluation.evaluate`."""
    nats, bits = found["nats_per_sample"], found["bits_per_sample"]
    yield f"{found['model']}: held out {nats:.3f} nats, {bits:.3f} bits per sample"
    for one in found["control"]:
        yield ""
        yield from _control_lines(one)
    if found["texture"]:
        yield ""
        yield from _likeness_lines(found)
    stability, speed = found["stability"], found["speed"]
    real = f"{stability['real']['softest_db']:.0f} to {stability['real']['loudest_db']:.0f} dB"
    yield f"\n{stability['seconds']:g} s of free running; levels of one second in the data: {real}"
    for row in stability["rows"]:
        at = ", ".join(f"{name} {value:.3g}" for name, value in row["parameters"].items()) or "no parameters"
        yield (
            f"{at}: {row['softest_db']:.0f} to {row['loudest_db']:.0f} dB, {row['silent_seconds']} s silent, "
            f"{row['loud_seconds']} s too loud, DC {row['dc']:+.4f}, {row['full_scale_share']:.2%} at full scale"
            + ("" if row["leaves_after_s"] is None else f"; LEAVES the data's levels after {row['leaves_after_s']} s")
        )
    pace = f"{speed['samples_per_s']:,.0f} samples/s, {speed['rtf']:.1f} times real time"
    yield f"\n{speed['sounds']} sounds at once: {pace}"


def _control_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """One parameter: asked and measured, value by value."""
    yield f"{one['parameter']} by {one['meter']}"
    yield f"{'value':>9}{'asked':>9}{'measured':>10}{'strength':>10}{'real':>7}"
    names = ("values", "new", "asked", "measured", "strength", "real_strength")
    for value, new, asked, measured, strength, real in zip(*(one[name] for name in names), strict=True):
        mark = "  not in the data" if new else ""
        yield f"{value:9.3g}{asked:9.3g}{_cell(measured, '10.3g')}{_cell(strength, '10.2f')}{real:7.2f}{mark}"
    deaf = sum(value is None for value in one["measured"])
    if deaf:
        yield f"no {one['meter']} can be heard in {deaf} of {len(one['measured'])} sounds"
    for what, part in (("all values", one), ("glide", one["glide"])):
        error, correlation = part["median_relative_error"], part["correlation"]
        off = f"{error:.1%}" + (_in_cents(part) if one["meter"] in PITCHES else "")
        yield f"{what}: median error {off}, correlation {_cell(correlation, '.3f').strip()}"


def _in_cents(part: Mapping[str, Any]) -> str:
    """The median distance of the measured pitches from those asked for; nothing if most cannot be heard."""
    pairs = zip(part["asked"], part["measured"], strict=True)
    cents = statistics.median(math.inf if m is None else abs(1200 * math.log2(m / a)) for a, m in pairs)
    return f" ({cents:.0f} cents)" if math.isfinite(cents) else ""


def _likeness_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Distances by class of statistics: of continued sound, and of the first halves of the same files ("real")."""
    texture, kernel, octaves = found["texture"], found["kernel"], found["octaves"]
    yield f"{texture['files']} files continued from their middle, and their first halves: distance to the second halves"
    yield f"{'':32}{'generated':>10}{'real':>7}"
    for name, far in texture["generated"].items():
        yield f"{name:32}{far:10.3f}{texture['real'][name]:7.3f}"
    for name, row in kernel.items():
        yield f"{f'{name} (kernel)':32}{row['generated']:10.3f}{row['real']:7.3f}"
    yield f"\n{'octave from (Hz)':24}" + "".join(f"{row['hz']:8.0f}" for row in octaves)
    for name, text in (("mean_db", "mean level, dB off"), ("floor_db", "noise floor, dB off")):
        for kind, of in (("", text), ("real_", "  of the real halves")):
            yield f"{of:24}" + "".join(f"{row[kind + name]:8.1f}" for row in octaves)
    for name, of in (("coherence", "coherence of channels"), ("real_coherence", "  of the real halves")):
        if name in octaves[0]:
            yield f"{of:24}" + "".join(f"{row[name]:8.2f}" for row in octaves)


def _cell(value: float | None, form: str) -> str:
    return "n/a".rjust(10) if value is None else format(value, form)
