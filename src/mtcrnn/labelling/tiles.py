"""What a page draws of recordings, piece by piece: tiles of columns at three scales; excerpts to hear."""

from __future__ import annotations

import numpy as np
import soxr

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mono
from mtcrnn.core.errors import InputError
from mtcrnn.listening import overview
from mtcrnn.listening.overview import Columns, columns_of
from mtcrnn.listening.recordings import Recording

COLUMNS = 256  # of a tile
SCALES = (1, 4, 16)  # times the columns per second of the overview
LONGEST_HEARD_S = 60.0  # of an excerpt


def tile(recording: Recording, scale: int, number: int) -> bytes:
    """Columns number * COLUMNS and so on of a recording at one of `SCALES`: uint8 [columns, 2 + BANDS].

    Raises:
        InputError: no such tile, or the file is no longer there.
    """
    if scale not in SCALES or number < 0 or number * COLUMNS / (scale * overview.RATE) >= recording.seconds:
        raise InputError(f"{recording.path.name} has no tile {number} at scale {scale}")
    first = number * COLUMNS
    found = recording.overview[:, first : first + COLUMNS] if scale == 1 else _fine(recording, scale, number)
    return np.ascontiguousarray(found.T).tobytes()


def _fine(recording: Recording, scale: int, number: int) -> Columns:
    """The columns of a tile, from the file itself."""
    each = 1 / (scale * overview.RATE)
    start, margin = number * COLUMNS * each, overview.WINDOW_S
    before = min(start, margin)
    frames, own = sound_files.read_excerpt(recording.path, start - before, COLUMNS * each + before + margin)
    rate = recording.sample_rate
    samples = soxr.resample(mono(frames), own, rate)
    count = min(COLUMNS, int(np.ceil((len(samples) / rate - before) / each - 1e-6)))
    return columns_of(samples, rate, before + (np.arange(max(count, 0)) + 0.5) * each, each)


def excerpt(recording: Recording, start_s: float, seconds: float) -> bytes:
    """A part of a recording as a wav.

    Raises:
        InputError: times outside the recording, or the file is no longer there.
    """
    if not (0 <= start_s < recording.seconds and 0 < seconds <= LONGEST_HEARD_S):
        raise InputError(
            f"{recording.path.name} lasts {recording.seconds:.1f} s; {LONGEST_HEARD_S:g} s are heard at once"
        )
    frames, rate = sound_files.read_excerpt(recording.path, start_s, seconds)
    return sound_files.wav_bytes(frames, rate)
