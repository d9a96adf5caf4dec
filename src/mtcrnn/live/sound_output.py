"""Playing through this machine's own sound output, without a browser."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import fresh_seed
from mtcrnn.live.models import Opened
from mtcrnn.live.scheduler import Scheduler
from mtcrnn.rendering.stream import Block, Stream

FADE_S = 0.004  # in and out; the page fades in its own audio thread, where an underrun is noticed, over the same time


class SoundOutput:
    """A stream that plays through the sound card; an underrun fades out and in again, so it does not click.

    Args:
        scheduler: renders the stream.
        opened: the model.
        margin_ms: how far to render ahead.

    Attributes:
        stream, playback: what plays, and its playback in the scheduler.
        underruns: how often blocks came late.
        ended: set when the device has stopped.
    """

    def __init__(self, scheduler: Scheduler, opened: Opened, margin_ms: float) -> None:
        self.stream = Stream(opened.player, fresh_seed())
        self._scheduler, self._rate = scheduler, self.stream.sample_rate
        self._margin = self.stream.samples(margin_ms)
        self._lock = threading.Lock()
        self._blocks: deque[NDArray[np.float32]] = deque()  # each [n, channels]
        self._take = self._played = self._buffered = self.underruns = 0
        self._gain, self._last, self._running = 0.0, np.zeros(self.stream.channels, np.float32), False
        self.playback = scheduler.add(self.stream, 1 / opened.rtf, self._deliver, self._margin)
        self._device: Any = None
        self.ended = threading.Event()

    def open(self) -> None:
        """Open the system's default output.

        Raises:
            InputError: the extra `audio` is not installed, or there is no sound output.
        """
        try:
            import sounddevice
        except ImportError as error:
            raise InputError("`audio` needs the package sounddevice: pip install 'mtcrnn[audio]'") from error
        except OSError as error:
            raise InputError(f"`audio`: {error} (on Debian: apt install libportaudio2)") from error
        try:
            self._device = sounddevice.OutputStream(
                samplerate=self._rate,
                channels=self.stream.channels,
                dtype="float32",
                latency="low",
                callback=self._callback,
                finished_callback=self.ended.set,
            )
            self._device.start()
        except sounddevice.PortAudioError as error:
            raise InputError(f"`audio`: no sound output plays {self._rate} Hz: {error}") from error

    def start(self, seed: int | None = None) -> int:
        """Play from the beginning; returns the seed."""
        seed = fresh_seed() if seed is None else seed
        with self._lock:
            self._drop()
            self._played = 0
            self._take = self._scheduler.start(self.playback, seed)
        return seed

    def stop(self) -> None:
        """Fade out."""
        self._scheduler.stop(self.playback)
        with self._lock:
            self._drop()

    def close(self) -> None:
        """Close the device, and end the stream."""
        if self._device is not None:
            self._device.close()
        self._scheduler.remove(self.playback)

    def fill(self, out: NDArray[np.float32]) -> None:
        """Write the next frames to out [n, channels]."""
        step = 1 / (FADE_S * self._rate)
        if len(out) > self._margin:  # the device takes more at once than is rendered ahead
            self._margin = len(out)
            self._scheduler.set_margin(self.playback, self._margin)
        with self._lock:
            if not self._running and self._gain == 0 and self._buffered >= self._margin:
                self._running = True
            samples = self._pop(len(out)) if self._running else np.zeros((0, out.shape[1]), np.float32)
            if self._running and len(samples) < len(out):
                self._running = False
                self.underruns += 1
        n = len(samples)
        gains = np.minimum(self._gain + step * np.arange(1, n + 1), 1.0)
        out[:n] = samples * gains[:, None]
        if n:
            self._last, self._gain = samples[-1], float(gains[-1])
        rest = np.maximum(self._gain - step * np.arange(1, len(out) - n + 1), 0.0)
        out[n:] = self._last * rest[:, None]
        if len(rest):
            self._gain = float(rest[-1])
        self._scheduler.played(self.playback, self._take, self._played)

    def _drop(self) -> None:
        """Empty the buffer; the last frame played fades out."""
        self._blocks.clear()
        self._buffered = 0
        self._running = False

    def _pop(self, count: int) -> NDArray[np.float32]:
        """At most so many frames from the buffer."""
        parts = []
        while count and self._blocks:
            block = self._blocks.popleft()
            parts.append(block[:count])
            if len(block) > count:
                self._blocks.appendleft(block[count:])
            count -= len(parts[-1])
        samples = np.concatenate([np.zeros((0, self.stream.channels), np.float32), *parts])
        self._buffered -= len(samples)
        self._played += len(samples)
        return samples

    def _deliver(self, take: int, block: Block | None) -> None:
        with self._lock:
            if block is not None and take == self._take:
                self._blocks.append(block.samples)
                self._buffered += len(block.samples)

    def _callback(self, out: NDArray[np.float32], frames: int, time: Any, status: Any) -> None:
        self.fill(out)
