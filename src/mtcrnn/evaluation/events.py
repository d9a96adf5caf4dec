"""The density and spread meters: the rate of irregular (Poisson) events, and how uneven the time between events is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.001  # of the envelope in which events are found
RISE = 0.4  # of the way from quiet to loud, in decibels: where an event starts and ends
QUIETEST = 2e-3  # of the loudest frame: softer frames count as this loud
SHORTEST_GAP_S = 0.008  # events with a shorter gap between them are one


def density(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The rate of a Poisson process of events, per second; None if there are fewer than three gaps between events.

    Counting would miss events that overlap. But the gaps between bursts of a Poisson process of rate r are
    exponentially distributed with mean 1 / r, however long the events last. So is the part of a gap beyond
    `SHORTEST_GAP_S`, as the exponential distribution has no memory.
    """
    edges = _edges(samples, sample_rate)
    if edges is None:
        return None
    starts, ends = edges
    gaps = starts[1:] - ends[:-1]
    return float(1 / max((gaps - SHORTEST_GAP_S).mean(), FRAME_S))


def spread(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The standard deviation of the time from event to event over its mean: 0 for perfectly regular events."""
    edges = _edges(samples, sample_rate)
    if edges is None:
        return None
    times = np.diff(edges[0])
    return float(times.std() / times.mean())


def _edges(samples: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The times at which events start and end, in seconds; None if there are fewer than four events.

    An event is where the envelope of the sound's slope (which leaves out rumble) is at least `RISE` of the way, in
    decibels, from quiet (its 20th percentile) to loud (its 99.8th percentile).
    """
    hop = max(round(FRAME_S * sample_rate), 1)
    steep = np.diff(samples.astype(np.float64), prepend=0)
    frames = steep[: len(steep) // hop * hop].reshape(-1, hop)
    envelope = np.sqrt((frames**2).mean(axis=1)) + 1e-9
    envelope = np.maximum(envelope, QUIETEST * envelope.max())
    low, high = np.log(np.quantile(envelope, (0.2, 0.998)))
    loud = np.log(envelope) > low + RISE * (high - low)
    changes = np.flatnonzero(np.diff(loud.astype(np.int8), prepend=0, append=0)) * hop / sample_rate
    starts, ends = changes[::2], changes[1::2]
    apart = starts[1:] - ends[:-1] > SHORTEST_GAP_S
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    return (starts, ends) if len(starts) > 3 else None
