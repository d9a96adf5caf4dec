"""The voice of a page without a browser: the WebAssembly module in wasmtime, and its native twin."""

import math

import numpy as np
import wasmtime
from wasmtime import Func, FuncType, Global, GlobalType, Instance, Limits, Memory, MemoryType, Store, Val, ValType

from mtcrnn.web.compiling import MODULE
from mtcrnn.web.image import STACK_END, image_of
from mtcrnn.web.voice import Clock, play

ENGINE = wasmtime.Engine()
COMPILED = wasmtime.Module(ENGINE, MODULE.read_bytes())


class Native:
    """A voice as compiled for this machine."""

    def __init__(self, voice):
        self.voice = voice

    def play(self, count):
        play(self.voice, count)
        return self.voice.sound[:count].copy()

    def set(self, values):
        self.voice.target[:] = values

    def begin(self, values):
        self.voice.rows[2] = values

    def clock(self, field):
        return int(self.voice.clock[field])


class Module:
    """The same in WebAssembly."""

    def __init__(self, voice):
        self.image, self.channels, self.values = image_of(voice), voice.sound.shape[1], len(voice.target)
        self.store, f64, f32, i32 = Store(ENGINE), ValType.f64(), ValType.f32(), ValType.i32()
        self.memory = Memory(self.store, MemoryType(Limits(self.image.pages, self.image.pages)))

        def function(takes, gives, does):
            return Func(self.store, FuncType(takes, gives), does)

        given = {
            "__linear_memory": self.memory,
            "__stack_pointer": Global(self.store, GlobalType(i32, True), Val.i32(STACK_END)),
            "pow": function([f64, f64], [f64], math.pow),
            "fmodf": function([f32, f32], [f32], math.fmod),
            "expf": function([f32], [f32], math.exp),
            "log1pf": function([f32], [f32], math.log1p),
            "sched_yield": function([], [i32], lambda: 0),
        }
        instance = Instance(self.store, COMPILED, [given[each.name] for each in COMPILED.imports])
        self.run = instance.exports(self.store)["play"]
        self.write(STACK_END, self.image.data)

    def write(self, address, data):
        self.memory.write(self.store, data, address)

    def play(self, count):
        self.write(self.image.count, np.int64(count).tobytes())
        self.run(self.store, self.image.table)
        first = self.image.addresses["sound"]
        data = self.memory.read(self.store, first, first + 4 * count * self.channels)
        return np.frombuffer(data, np.float32).reshape(count, self.channels)

    def set(self, values):
        self.write(self.image.addresses["target"], np.array(values, float).tobytes())

    def begin(self, values):
        self.write(self.image.addresses["rows"] + 2 * 8 * self.values, np.array(values, float).tobytes())

    def clock(self, field):
        first = self.image.addresses["clock"] + 8 * field
        return int.from_bytes(self.memory.read(self.store, first, first + 8), "little", signed=True)


def played(voice, bands, gesture, samples, piece):
    """The first so many samples [n, channels], in pieces as a page asks for them, under a gesture [blocks + 1, C + 1].

    Row b of the gesture is what holds at the beginning of stretch b, and its temperature; stretch b goes to row b + 1.
    """
    voice.begin(gesture[0])
    made = []
    while (done := sum(map(len, made))) < samples:
        block, size = voice.clock(Clock.BLOCK), voice.clock(Clock.SIZE)
        ready = (-(-(block + 1) * size // bands) - voice.clock(Clock.STEP)) * bands + voice.clock(Clock.REST)
        voice.set([*gesture[block + 2, :-1], gesture[block + 1, -1]])
        made.append(voice.play(min(samples - done, piece, max(ready, 1))))
    return np.concatenate(made)
