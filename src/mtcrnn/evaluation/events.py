"""How many events a sound has that come when they like, and how unevenly they come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.001  # of the envelope that events are found in
RISE = 0.4
QUIETEST = 2e-3  # of the loudest: what is softer is as quiet as can be
SHORTEST_GAP_S = 0.008  # quiet for less is the same event


def density(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """Events a second, of a Poisson process; None where there are fewer than three gaps between events.

    Counting would miss what overlaps. But the gaps between bursts of a Poisson process of rate r are exponential, of
    mean 1 / r, however long the events last; and so is what is left of those that have lasted for `SHORTEST_GAP_S`.
    """
    edges = _edges(samples, sample_rate)
    if edges is None:
        return None
    starts, ends = edges
    gaps = starts[1:] - ends[:-1]
    return float(1 / max((gaps - SHORTEST_GAP_S).mean(), FRAME_S))


def spread(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The standard deviation of the time from event to event, as a share of its mean: 0 for a clockwork."""
    edges = _edges(samples, sample_rate)
    if edges is None:
        return None
    times = np.diff(edges[0])
    return float(times.std() / times.mean())


def _edges(samples: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """When events start and end, in seconds; None where there are fewer than four.

    An event is where the envelope of the sound's slope, which leaves rumble out, has risen by `RISE` of the way, in
    decibels, from the quiet to the loudest.
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
