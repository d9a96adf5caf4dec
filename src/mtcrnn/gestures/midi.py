"""Reading MIDI files (.mid, through mido) as one monophonic voice: timing, and which key counts."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import mido
from mido.midifiles import meta

from mtcrnn.core.errors import InputError

log = logging.getLogger(__name__)

MOST_BYTES = 2_000_000  # about 300,000 notes, which take mido several seconds
LONGEST_NUMBER = re.compile(rb"[\x80-\xff]{10000}")  # as MIDI codes numbers; mido would take minutes over a longer one
MOST_TICKS = 1 << 28  # between two messages: what fits into the four bytes that MIDI allows
DRUMS = 9  # channel 10, counted from 0
SUSTAIN = 64  # controller number of the sustain pedal
Change = tuple[float, float, float, float]  # time in seconds, note, gate, velocity
Key = tuple[int, int]  # channel and note


class _AnyKeySignature(meta.MetaSpec_key_signature):  # type: ignore[misc]
    """Like mido's, but a key signature that does not exist is ignored: it has no effect on the notes."""

    type = "key_signature"

    def decode(self, message: Any, data: Any) -> None:
        """Set `message.key`, or leave it at C."""
        with suppress(mido.KeySignatureError, IndexError):
            super().decode(message, data)


meta.add_meta_spec(_AnyKeySignature)
for kind in range(0x80):  # mido drops the waiting time of messages of kinds that it does not know
    if isinstance(meta.build_meta_message(kind, bytes(8)), mido.UnknownMetaMessage):
        meta.add_meta_spec(type(f"MetaSpec_unknown_{kind}", (meta.MetaSpec_sequencer_specific,), {"type_byte": kind}))


class Keys:
    """The keys of all channels that are down or held down by a sustain pedal."""

    def __init__(self) -> None:
        self._down: dict[Key, float] = {}  # velocity by key; the newest key comes last
        self._pedals: dict[int, set[Key]] = {}  # by channel whose pedal is down: the keys that only it holds

    def press(self, key: Key, velocity: float) -> None:
        """A key goes down."""
        self._down.pop(key, None)
        self._down[key] = velocity
        self._pedals.get(key[0], set()).discard(key)

    def release(self, key: Key) -> None:
        """A key goes up, unless the pedal of its channel holds it."""
        if key[0] in self._pedals:
            self._pedals[key[0]].add(key)
        else:
            self._down.pop(key, None)

    def pedal(self, channel: int, down: bool) -> None:
        """A sustain pedal goes down or up."""
        if down:
            self._pedals.setdefault(channel, set())
            return
        for key in self._pedals.pop(channel, ()):
            self._down.pop(key, None)

    def newest(self) -> tuple[int, float] | None:
        """Note and velocity of the key that went down last, of those still down; None if none is."""
        return next(((note, velocity) for (_, note), velocity in reversed(self._down.items())), None)


def voice(path: Path) -> tuple[list[Change], float]:
    """Read a MIDI file as one voice, and its duration in seconds.

    Returns:
        For each change its time in seconds, the note (MIDI number), the gate (1 while a key is down) and the velocity
        (0 to 1). The newest key counts; note and velocity keep their values after it. The first change is a key that
        goes down.

    Raises:
        InputError: no such file, not a MIDI file, or one without notes.
    """
    keys, changes, now, drums = Keys(), list[Change](), 0.0, 0
    for now, message in _timed(path, _read(path)):
        if message.type == "control_change" and message.control == SUSTAIN:
            keys.pedal(message.channel, message.value >= 64)
        elif message.type not in ("note_on", "note_off"):
            continue
        elif message.channel == DRUMS:
            drums += message.type == "note_on"
            continue
        elif message.type == "note_on" and message.velocity:
            keys.press((message.channel, message.note), message.velocity / 127)
        else:
            keys.release((message.channel, message.note))
        if newest := keys.newest():
            changes.append((now, newest[0], 1.0, newest[1]))
        elif changes:
            changes.append((now, changes[-1][1], 0.0, changes[-1][3]))
    if not changes:
        exception = " except drums (channel 10), which have no pitch" if drums else ""
        raise InputError(f"{path} holds no notes{exception}")
    if drums:
        log.warning("%s: the drums (channel 10) are left out", path)
    return changes, now


def _read(path: Path) -> Any:
    """Read a file as a `mido.MidiFile`. Raises InputError if it is not one."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not data.startswith(b"MThd"):
        raise InputError(f"{path} cannot be read as MIDI: it does not begin with MThd")
    if len(data) > MOST_BYTES or LONGEST_NUMBER.search(data):
        raise InputError(f"{path} cannot be read as MIDI: it has over {MOST_BYTES:,} bytes, or an endless number")
    try:
        read = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except EOFError as error:
        raise InputError(f"{path} cannot be read as MIDI: it ends too early") from error
    except Exception as error:  # mido passes on whatever its parser fails with
        raise InputError(f"{path} cannot be read as MIDI: {str(error) or type(error).__name__}") from error
    if read.type == 2:
        raise InputError(f"{path} holds several pieces (MIDI type 2); give one of type 0 or 1")
    return read


def _timed(path: Path, file: Any) -> Iterator[tuple[float, Any]]:
    """The messages of all tracks, with their times in seconds.

    MIDI counts time in ticks: so many per beat, which lasts as long as the newest tempo says; or so many per frame of
    SMPTE time code.
    """
    messages: list[tuple[int, Any]] = []
    for track in file.tracks:
        tick = 0
        for message in track:
            if message.time >= MOST_TICKS:
                raise InputError(f"{path} cannot be read as MIDI: a message waits for more than {MOST_TICKS} ticks")
            tick += message.time
            messages.append((tick, message))
    messages.sort(key=lambda timed: timed[0])
    beat = file.ticks_per_beat  # if negative: minus the frames per second, times 256, plus the ticks per frame
    frames, ticks = -(beat >> 8), beat & 0xFF
    if not beat or (beat < 0 and not ticks):
        raise InputError(f"{path} has 0 ticks per {'frame' if beat else 'beat'}, so its duration is unknown")
    by_tempo = beat > 0
    tick_s = 0.5 / beat if by_tempo else 1 / ({29: 29.97}.get(frames, frames) * ticks)
    since, start_s = 0, 0.0  # tick and time of the newest tempo
    for tick, message in messages:
        now = start_s + (tick - since) * tick_s
        yield now, message
        if by_tempo and message.type == "set_tempo":
            if not message.tempo:
                raise InputError(f"{path} has a tempo of 0 s per beat, so its duration is unknown")
            since, start_s, tick_s = tick, now, message.tempo * 1e-6 / beat
