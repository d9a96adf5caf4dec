"""Measures: what textures differ in and people have words for, read at every moment of a sound.

Each is read in a window of its own, centred at the moment. Spectra are of windows of 30 ms; envelopes are those of
`texture_statistics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mtcrnn.listening.beat import autocorrelation, first_high_peak
from mtcrnn.listening.texture_statistics import (
    COMPRESSION,
    ENVELOPE_HZ,
    MODULATIONS_HZ,
    Array,
    cochlear_envelopes,
    modulation_bands,
)

RATE = 20.0  # moments per second
SPECTRUM_S, SPECTRA_HZ = 0.03, 100  # least length of a spectrum's window; spectra per second
PITCH_S, LOWEST_HZ, HIGHEST_HZ = 0.2, 20.0, 2000.0  # of the window in which the pitch is read; its range
EVENTS_HZ, EVENTS_S = 4, 4.0  # how often a second events are looked for, and in how long windows
LEAST_RISE_DB = 1.0  # of an event, in 2.5 ms, in the mean of all bands
SILENT_DB = -80.0  # softer sound counts as silence
VOICED = 0.5  # periodicity above which a sound has a pitch
ROUGH_HZ = (20.0, 150.0)
FINEST_BEAT_S, LONGEST_BEAT_S = 0.02, 1.0


@dataclass(frozen=True)
class Measure:
    """A measure: its unit and window, and the difference that is just heard.

    Attributes:
        units: of the values.
        window_s: seconds of sound that each value needs.
        step: the difference that counts as one step, roughly what is just heard; of a `ratio`, the factor less 1.
        ratio: whether equal factors are equal steps (frequencies, rates).
        summary: what it says, for people.
    """

    units: str
    window_s: float
    step: float
    ratio: bool
    summary: str


MEASURES: dict[str, Measure] = {
    "loudness": Measure("dB", 0.1, 1.0, False, "level"),
    "background": Measure("dB", EVENTS_S, 1.0, False, "level between the events (the median)"),
    "brightness": Measure("Hz", 0.1, 0.05, True, "centre of the spectrum"),
    "bandwidth": Measure("Hz", 0.1, 0.1, True, "width of the spectrum"),
    "noisiness": Measure("0 to 1", 0.1, 0.05, False, "flatness of the spectrum: 0 a tone, 1 white noise"),
    "pitch": Measure("Hz", PITCH_S, 0.03, True, "how often the waveform repeats"),
    "voicing": Measure("0 to 1", PITCH_S, 0.1, False, "how exactly it repeats"),
    "density": Measure("events/s", EVENTS_S, 0.15, True, "events (onsets) per second"),
    "regularity": Measure("0 to 1", EVENTS_S, 0.1, False, "how regularly events come"),
    "roughness": Measure("0 to 1", 0.5, 0.03, False, "flutter of the envelopes, 20 to 150 times a second"),
    "swing": Measure("dB", EVENTS_S, 1.0, False, "how much the level goes up and down, slowly"),
}


def on_knob(values: Array, name: str) -> tuple[Array, str]:
    """A measure's values as a parameter has them, and their unit: equal moves of a knob are equal steps.

    Pitches are MIDI notes; other ratios are octaves above 1 kHz, or above one event per second.
    """
    units = MEASURES[name].units
    if name == "pitch":
        return 69 + 12 * np.log2(values / 440), "MIDI"
    if not MEASURES[name].ratio:
        return values, units
    return (np.log2(values / 1000), "octaves above 1 kHz") if units == "Hz" else (np.log2(values), "octaves above 1/s")


def averages(values: NDArray[Any], rate: float, moments: Array, seconds: float) -> Array:
    """Means of `values` [..., t] at `rate` in windows of `seconds` around each moment: [..., moments].

    At the ends, windows are as long as there is sound.
    """
    size = values.shape[-1]
    first = np.clip(np.round((moments - seconds / 2) * rate).astype(np.int64), 0, size - 1)
    end = np.clip(np.round((moments + seconds / 2) * rate).astype(np.int64), first + 1, size)
    sums = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1, dtype=np.float64)], axis=-1)
    return (sums[..., end] - sums[..., first]) / (end - first)


def measure(samples: NDArray[np.float32], sample_rate: int, envelopes: Array, bands: Array, moments: Array) -> Array:
    """All measures of a sound at each of the moments: [len(MEASURES), moments], in the units of `MEASURES`.

    Args:
        samples: mono [T].
        sample_rate: in Hz.
        envelopes: of the sound, as `texture_statistics.cochlear_envelopes`.
        bands: their modulation bands.
        moments: in seconds from the start.
    """
    loudness, *spectral = _spectral(samples, sample_rate, moments)
    background, swing = _levels(samples, sample_rate, moments)
    density, regularity = _events(envelopes, moments)
    pitch, voicing = _pitch(samples, sample_rate, moments)
    rough = (ROUGH_HZ[0] <= MODULATIONS_HZ) & (ROUGH_HZ[1] >= MODULATIONS_HZ)
    flutter = averages((bands[rough] ** 2).sum(axis=0), ENVELOPE_HZ, moments, MEASURES["roughness"].window_s)
    mean = averages(envelopes, ENVELOPE_HZ, moments, MEASURES["roughness"].window_s) + 1e-9
    roughness = np.sqrt(flutter.sum(axis=0)) / np.sqrt((mean**2).sum(axis=0))
    return np.stack(
        [loudness, background, *spectral, pitch, voicing, density, regularity, np.minimum(roughness, 1.0), swing]
    )


def readable(measured: Array, name: str, seconds: float) -> Array:
    """One of the measures [len(MEASURES), n] of a sound of so many seconds [n]; NaN where it cannot be read.

    That is where the sound is shorter than the window, is silent (but for its level), has no pitch, or no events.
    """
    rows = dict(zip(MEASURES, measured, strict=True))
    values = rows[name].copy()
    if seconds < MEASURES[name].window_s:
        return np.full(len(values), np.nan)
    if name not in ("loudness", "background"):
        values[rows["loudness"] < SILENT_DB] = np.nan
    if name == "pitch":
        values[rows["voicing"] < VOICED] = np.nan
    if name in ("density", "regularity"):
        values[rows["density"] <= 0] = np.nan
    return values


def reading(samples: NDArray[np.float32], sample_rate: int, name: str) -> tuple[float, float] | None:
    """The median of a measure in a sound [T], and the share of moments at which it can be read; None if at none.

    Half of the measure's window is enough.
    """
    seconds = len(samples) / sample_rate
    if seconds < MEASURES[name].window_s / 2:
        return None
    envelopes = cochlear_envelopes(samples, sample_rate)
    bands = modulation_bands(envelopes - envelopes.mean(axis=1, keepdims=True))
    measured = measure(samples, sample_rate, envelopes, bands, np.arange(0, seconds, 1 / RATE))
    values = readable(measured, name, np.inf)
    known = np.isfinite(values)
    return (float(np.median(values[known])), float(known.mean())) if known.any() else None


def _spectral(samples: NDArray[np.float32], sample_rate: int, moments: Array) -> tuple[Array, ...]:
    """Loudness, brightness, bandwidth and noisiness, of mean power spectra."""
    size = 1 << int(np.ceil(np.log2(SPECTRUM_S * sample_rate)))
    hop = sample_rate / SPECTRA_HZ
    window = np.hanning(size)
    count = int(len(samples) / hop) + 1
    padded = np.pad(samples, size // 2 + 1)
    starts = np.round(np.arange(count) * hop).astype(np.int64)
    spectra = np.empty((size // 2 + 1, count), np.float32)
    for k in range(0, count, 1000):  # so many at once, for memory
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts[k : k + 1000]]
        spectra[:, k : k + 1000] = (np.abs(np.fft.rfft(frames * window)) ** 2).T
    mean = averages(spectra, SPECTRA_HZ, moments, MEASURES["brightness"].window_s)
    power = np.maximum(mean, 0) * (2 / (window**2).sum() / size) + 1e-16
    hz = np.fft.rfftfreq(size, 1 / sample_rate)[:, None]
    total = power.sum(axis=0)
    centre = (hz * power).sum(axis=0) / total
    width = np.sqrt(((hz - centre) ** 2 * power).sum(axis=0) / total)
    flatness = np.exp(np.log(power + 1e-9 * total).mean(axis=0)) / power.mean(axis=0)
    return 10 * np.log10(total + 1e-12), np.maximum(centre, 1.0), np.maximum(width, 1.0), np.minimum(flatness, 1.0)


def _levels(samples: NDArray[np.float32], sample_rate: int, moments: Array) -> tuple[Array, Array]:
    """The background, and the swing: median of the levels of 20 ms, and deviation of those of a quarter of a second."""
    own = np.arange(0.0, len(samples) / sample_rate, 1 / EVENTS_HZ)
    power = np.square(samples, dtype=np.float64)
    short = averages(power, sample_rate, np.arange(0.01, own[-1] + 0.26, 0.02), 0.02)
    median = np.median(_windows(10 * np.log10(short + 1e-12), 50, own), axis=1)
    slow = 10 * np.log10(averages(power, sample_rate, np.arange(0.125, own[-1] + 0.3, 0.05), 0.25) + 1e-12)
    deviation = np.maximum(_windows(slow, 20, own), slow.max() - 60).std(axis=1)
    return np.interp(moments, own, median), np.interp(moments, own, deviation)


def _events(envelopes: Array, moments: Array) -> tuple[Array, Array]:
    """Events per second, and how regularly they come.

    An event is a rise of the envelopes more than half way from the usual rise (the median) to the highest of a window.
    """
    own = np.arange(0.0, envelopes.shape[1] / ENVELOPE_HZ, 1 / EVENTS_HZ)
    decibels = 20 / COMPRESSION * np.log10(envelopes + 10 ** (SILENT_DB / 20 * COMPRESSION))
    rises = np.maximum(np.diff(decibels, axis=1, prepend=decibels[:, :1]), 0.0).mean(axis=0)
    rises = gaussian_filter1d(rises, 1.2)
    windows = _windows(rises, ENVELOPE_HZ, own)
    usual, highest = np.quantile(windows, (0.5, 0.995), axis=1)
    least = np.interp(np.arange(len(rises)) / ENVELOPE_HZ, own, np.maximum((usual + highest) / 2, LEAST_RISE_DB))
    peaks = np.zeros(len(rises))
    peaks[1:-1] = (rises[1:-1] > rises[:-2]) & (rises[1:-1] >= rises[2:]) & (rises[1:-1] > least[1:-1])
    density = averages(peaks, ENVELOPE_HZ, own, EVENTS_S) * ENVELOPE_HZ
    centred = windows - windows.mean(axis=1, keepdims=True)
    lags = slice(round(FINEST_BEAT_S * ENVELOPE_HZ), round(LONGEST_BEAT_S * ENVELOPE_HZ))
    curves = autocorrelation(centred)
    regularity = curves[:, lags].max(axis=1, initial=0.0) / np.maximum(curves[:, 0], 1e-9)
    return np.interp(moments, own, density), np.interp(moments, own, np.clip(regularity, 0.0, 1.0))


def _windows(values: Array, rate: int, moments: Array) -> Array:
    """Windows [moments, size] of `EVENTS_S` seconds of values around moments; at the ends, the nearest whole one."""
    size = min(round(EVENTS_S * rate), len(values))
    first = np.clip(np.round(moments * rate).astype(np.int64) - size // 2, 0, len(values) - size)
    return np.lib.stride_tricks.sliding_window_view(values, size)[first]


def _pitch(samples: NDArray[np.float32], sample_rate: int, moments: Array) -> tuple[Array, Array]:
    """How often the waveform repeats, and how exactly: the first high peak of the autocorrelation, as the period meter.

    Where there is no peak, the pitch is the lowest, and the voicing 0.
    """
    size = round(PITCH_S * sample_rate)
    fastest, slowest = round(sample_rate / HIGHEST_HZ), round(sample_rate / LOWEST_HZ)
    window = np.hanning(size + 2)[1:-1]
    own = autocorrelation(window)[: slowest + 2]
    padded = np.pad(samples, size // 2 + 1)
    starts = np.clip(np.round(moments * sample_rate).astype(np.int64), 0, len(samples))
    pitch, voicing = np.full(len(moments), LOWEST_HZ), np.zeros(len(moments))
    for k in range(0, len(moments), 200):  # so many at once, for memory
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts[k : k + 200]] * window
        for j, curve in enumerate(autocorrelation(frames)[:, : slowest + 2] / own, k):
            if curve[0] > 1e-12:
                curve /= curve[0]
                apart = int(np.argmax(curve < 0))  # earlier peaks are ripples on the one at lag 0
                if found := first_high_peak(curve, max(apart, fastest), slowest):
                    pitch[j], voicing[j] = sample_rate / found[0], np.clip(found[1], 0.0, 1.0)
    return pitch, voicing
