"""Every option, once. Frozen dataclasses whose fields carry their help text and unit.

The command lines (`cli`, `compat.commands`) and the files on disk are made from these classes, so an option has one
name, one type and one default. `validation.parse` reads them back strictly. `ORIGINAL` holds the defaults of the 2020
code where ours differ.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from mtcrnn.errors import InputError, listing, unknown
from mtcrnn.validation import strict

AUDIO = "audio"  # the name in `generate` that stands for sound itself
NET_NUMBERS = (  # the original's --net 0, 1, ...
    "gru",
    "split-moments",
    "split-moments-shared",
    "split-variables",
    "split-variables-shared",
    "mixture",
    "gru-wide",
)
NET_NAMES = (*NET_NUMBERS, "phased-lstm", "frame")
PARAMETER_NETS = NET_NUMBERS[1:6]  # have no output for audio
LONGEST_NAME = 100  # letters of a parameter's
RESERVED = ("meta", AUDIO)  # mean something else where a parameter could be named
MOST_NAMES = 256  # of parameters
MOST_TEMPERATURE = 1000.0  # where all codes have long been as likely as each other
MOST_RATE = 768_000  # Hz
MOST_HIDDEN, MOST_LAYERS, MOST_FRAME = 16384, 64, 4096
MOST_STEP_VALUES = 1 << 24  # of all windows of a training step
MOST_STEPS = 10**12
MOST_SOUNDS = 4096  # generated at once
MOST_LENGTH = 1_400_000_000  # of a sound: a wav of 24 bits holds no more in its 4 GB
MOST_PRIME = 1 << 24
LEAST_CONTROL_RATE, MOST_CONTROL_RATE = 0.001, 1_000_000  # values of control curves a second


def option(help: str, default: Any = MISSING, path: bool = False) -> Any:
    """A dataclass field that is also a command-line option: `help` is what people read; `path`: it names a file."""
    return field(default=default, metadata={"help": help, "path": path})


class Options:
    """What all config classes check of every field."""

    def __post_init__(self) -> None:
        """Numbers must be finite and fit 64 bits; ~ in a path is the home folder."""
        for spec in fields(self):  # type: ignore[arg-type]
            value = getattr(self, spec.name)
            if isinstance(value, int | float) and not abs(value) < 2**63:  # also inf and NaN
                raise InputError(f"--{spec.name} is {value!s:.40}; it must be a finite number")
            if spec.metadata.get("path") and isinstance(value, str):
                if "\0" in value:
                    raise InputError(f"--{spec.name} {value!r} is no path")
                object.__setattr__(self, spec.name, os.path.expanduser(value))


def check_name(name: str) -> None:
    """Raise InputError for a name that no parameter can have: what begins with @ is the instrument's own."""
    odd = name.startswith("@") or any(c.isspace() or not c.isprintable() or c in "=," for c in name)
    if not 0 < len(name) <= LONGEST_NAME or name in RESERVED or odd:
        allowed = f"no spaces, '=' or ',', no '@' at its beginning, and not {' or '.join(map(repr, RESERVED))}"
        raise InputError(f"{name[:LONGEST_NAME]!r} cannot be a parameter's name: {allowed}")


@strict
@dataclass(frozen=True)
class Tier(Options):
    """What one model generates, and from what."""

    generate: tuple[str, ...] = option("what to generate: audio, or names of parameters", (AUDIO,))
    prop: tuple[str, ...] = option("names of the conditioning parameters", ())
    sample_rate: int = option("generated values per second; for audio the sample rate in Hz", 16000)
    mulaw_channels: int = option("number of mu-law codes for one audio sample", 256)
    onehot: bool = option("feed audio to the net as a one-hot code instead of one number", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.sample_rate <= MOST_RATE, "sample_rate", self.sample_rate, f"above 0, {MOST_RATE} at most")
        require(2 <= self.mulaw_channels <= 65536, "mulaw_channels", self.mulaw_channels, "2 to 65536")
        for key in ("generate", "prop"):
            names = getattr(self, key)
            require(len(names) <= MOST_NAMES, key, f"{len(names)} names", f"{MOST_NAMES} at most")
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"--{key} names {listing(twice)} twice")
        if not self.generate:
            raise InputError("--generate is empty; name audio or the parameters to generate")
        if AUDIO in self.generate and len(self.generate) > 1:
            raise InputError(f"--generate {' '.join(self.generate)}: audio and parameters cannot be mixed in one tier")
        both = [name for name in self.generate if name in self.prop]
        if both:
            raise InputError(f"{listing(both)} cannot be both generated (--generate) and conditioning (--prop)")
        for name in self.parameters:
            check_name(name)
        if self.onehot and not self.is_audio:
            raise InputError("--onehot is for audio; parameters enter the net as they are")

    @property
    def is_audio(self) -> bool:
        """True where this tier generates sound, False where it generates parameters."""
        return self.generate == (AUDIO,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters that this tier generates or is conditioned on."""
        return self.prop if self.is_audio else (*self.generate, *self.prop)

    @property
    def gen_size(self) -> int:
        """The original's `--gen_size`: input channels taken by the tier's own past."""
        return self.mulaw_channels if self.onehot else len(self.generate)

    @property
    def cond_size(self) -> int:
        """The original's `--cond_size`: the number of conditioning parameters."""
        return len(self.prop)


@strict
@dataclass(frozen=True)
class Net(Options):
    """The network's architecture and size."""

    net: str = option("architecture, by name or by the original's number (left out, for sound: frame)", "gru")
    hidden_size: int = option("units of each recurrent layer", 128)
    n_layers: int = option("stacked recurrent layers", 2)
    frame_size: int = option("samples in a frame (net frame only)", 16)
    plstm: bool = option("a Phased LSTM in place of the GRU (net 0 only)", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("hidden_size", MOST_HIDDEN), ("n_layers", MOST_LAYERS), ("frame_size", MOST_FRAME)):
            require(0 < getattr(self, name) <= most, name, getattr(self, name), f"above 0, {most} at most")
        net = canonical_net(self.net)
        if self.plstm and net not in ("gru", "phased-lstm"):
            raise InputError(f"--plstm goes with net 0 (gru) only, not with {net}")
        object.__setattr__(self, "net", "phased-lstm" if self.plstm else net)
        object.__setattr__(self, "plstm", self.net == "phased-lstm")

    def check_for(self, tier: Tier) -> None:
        """Raise InputError where this net cannot generate what the tier generates."""
        if tier.is_audio and self.net in PARAMETER_NETS:
            raise InputError(f"--net {self.net} generates parameters, not audio")
        if self.net == "frame" and not tier.is_audio:
            raise InputError("--net frame generates audio, not parameters")
        if self.net == "frame" and tier.onehot:
            raise InputError("--onehot is for other nets: frame reads its newest code as one-hot in any case")


@strict
@dataclass(frozen=True)
class Train(Options):
    """How to train. A step is one batch of windows; a window is `seq_len` generated values in a row."""

    data_dir: str = option("folder of sounds, at any depth", "./data/audio", path=True)
    param_dir: str | None = option("folder of the param files (left out: the data folder)", None, path=True)
    output_dir: str = option("folder of the run: a name lies under output/, a path is taken as it is", "run", path=True)
    num_steps: int | None = option("steps of this run (left out, with --minutes: as many as fit)", 1000)
    batch_size: int = option("windows in a step (of each process, where there are several)", 64)
    seq_len: int = option("length of a training window, in generated values", 512)
    scored_frames: int = option(
        "frames of a window, drawn at random, that are scored; all others only pass through the recurrent layers (net "
        "frame only; 0, or more than there are: all)",
        0,
    )
    stride: int = option("shift between neighbouring windows, in generated values", 1)
    carry: bool = option("a window starts with the state that the window before it in the file ended with", True)
    lr: float = option("learning rate of Adam", 0.002)
    lr_final: float | None = option("learning rate at the run's end, reached linearly (left out: constant)", None)
    grad_clip: float = option("largest norm of the gradient; 0 turns clipping off", 1.0)
    precision: Literal["auto", "float32", "bf16"] = option(
        "arithmetic: float32, mixed (bf16 products, float32 weights and losses), or auto (mixed for the net frame on "
        "hardware that is made for it, else float32)",
        "auto",
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "cpu, cuda (a GPU of NVIDIA or AMD), or auto (a GPU where there is one)", "auto"
    )
    tfr: float = option("teacher forcing rate: the share of inputs that are the true past, 0 to 1", 1.0)
    ss: float | None = option("scheduled sampling: the teacher forcing rate moves linearly to this one", None)
    temp: float = option("temperature of the inputs that the net samples itself (--tfr below 1)", 1.0)
    input_noise: float = option("random noise on the inputs: its std as a share of their range", 0.0)
    loss: Literal["nll", "mse"] = option("for parameters: likelihood, or squared error of samples", "nll")
    minutes: float | None = option(
        "train for so many minutes (with --num_steps: or so many steps, whichever are over first)", None
    )
    loss_cutoff: float | None = option("stop once the loss is below this (nats per value)", None)
    checkpoint: int = option("save the model every so many steps (and at the end)", 250)
    holdout: str = option(
        "held out for testing: 'tail' (the last tenth of each file, 1 s at most), 'file:NAME' (one file), or 'none'",
        "tail",
    )
    rand_seed: int = option("random seed of the run: weights, batches, coins", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = self.num_steps is None or 0 < self.num_steps <= MOST_STEPS
        require(allowed, "num_steps", self.num_steps, f"above 0, {MOST_STEPS} at most")
        if self.num_steps is None and self.minutes is None:
            raise InputError("a run needs --num_steps or --minutes")
        for name in ("batch_size", "seq_len", "stride", "checkpoint"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        if self.batch_size * self.seq_len > MOST_STEP_VALUES:
            raise InputError(
                f"--batch_size {self.batch_size} with --seq_len {self.seq_len} is too much for one step: "
                f"{MOST_STEP_VALUES} values at most"
            )
        require(self.scored_frames >= 0, "scored_frames", self.scored_frames, "0 or above")
        require(self.lr > 0, "lr", self.lr, "above 0")
        require(self.lr_final is None or self.lr_final >= 0, "lr_final", self.lr_final, "0 or above")
        require(self.grad_clip >= 0, "grad_clip", self.grad_clip, "0 or above")
        require(0 <= self.tfr <= 1, "tfr", self.tfr, "0 to 1")
        require(self.ss is None or 0 <= self.ss <= 1, "ss", self.ss, "0 to 1")
        require(self.minutes is None or self.minutes > 0, "minutes", self.minutes, "above 0")
        require(self.input_noise >= 0, "input_noise", self.input_noise, "0 or above")
        require(0 <= self.temp <= MOST_TEMPERATURE, "temp", self.temp, f"0 to {MOST_TEMPERATURE:g}")
        require(self.rand_seed >= 0, "rand_seed", self.rand_seed, "0 or above")
        if self.holdout not in ("tail", "none") and not self.holdout.startswith("file:"):
            raise InputError(f"--holdout is {self.holdout!r}; it must be tail, file:NAME or none")


@strict
@dataclass(frozen=True)
class Generate(Options):
    """How to generate from a trained model."""

    model_dir: str = option("the run's folder, its model/ folder, or one model_STEP folder", path=True)
    step: int = option("which saved step (left out: the newest)", 0)
    length: int | None = option(
        "how much to generate, in steps (audio: samples); left out: that of the external array, or 10 s", None
    )
    seq_len: int | None = option("priming plus generated length, in steps; left out: 0.25 s of priming", None)
    batch_size: int = option("sounds made at once (1: as many as the external array has)", 1)
    temp: float = option("temperature: 1 as trained, below 1 tamer, above 1 wilder", 1.0)
    seed: str | None = option("prime with this sound (and condition on its param file)", None, path=True)
    seed_start: float = option("where in the seed file to start, in seconds", 0.0)
    data_dir: str | None = option("prime from a random place in this folder of sounds", None, path=True)
    param_dir: str | None = option("folder of their param files (left out: beside the sounds)", None, path=True)
    rand_prime: bool = option("prime with random numbers", False)
    paramvect: Literal["self", "external", "none"] = option(
        "conditioning: self (the param file of the seed), external (--external_array) or none", "self"
    )
    external_array: str | None = option(".npy of control values [batch, length, parameters]", None, path=True)
    external_sr: float | None = option("values per second in the external array", None)
    gesture: str | None = option(
        ".npy that was saved while playing live: the same sound again, with its seed", None, path=True
    )
    set: tuple[str, ...] = option("constant or linear parameters: NAME=VALUE or NAME=FROM:TO", ())
    engine: Literal["numba", "torch"] = option(
        "what renders: compiled loops, or the slow and readable reference", "numba"
    )
    precision: Literal["auto", "float32", "int8"] = option(
        "of the weights: float32 (exact), int8 (for large nets), or auto (float32 where it can be played live)", "auto"
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "cuda takes a GPU (by torch: for large batches); auto does so for --engine torch where there is one", "auto"
    )
    out: str = option(
        "output name without ending (or a folder); _0, _1, ... are added for a batch", "generated", path=True
    )
    names: str | None = option(
        "text file with a line for each sound of a batch: its name, in place of 0, 1, ...", None, path=True
    )
    save: bool = option("also save the generated sound as .npy (parameters always are)", False)
    save_params: bool = option("also save generated parameters as param files", False)
    rand_seed: int | None = option("random seed: the same number gives the same sound", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = self.length is None or 0 < self.length <= MOST_LENGTH
        require(allowed, "length", self.length, f"above 0, {MOST_LENGTH} at most")
        require(0 < self.batch_size <= MOST_SOUNDS, "batch_size", self.batch_size, f"above 0, {MOST_SOUNDS} at most")
        prime = (self.seq_len or 0) - (self.length or 0)
        fits = self.length is None or prime <= MOST_PRIME
        require(fits, "seq_len", self.seq_len, f"{MOST_PRIME} above --length at most")
        if self.external_sr is not None:
            check_external_rate(self.external_sr)
        require(0 <= self.temp <= MOST_TEMPERATURE, "temp", self.temp, f"0 to {MOST_TEMPERATURE:g}")
        require(self.seed_start >= 0, "seed_start", self.seed_start, "0 or above, in seconds")
        require(self.step >= 0, "step", self.step, "0 or above")
        if self.rand_prime and self.seed is not None and self.seed.isdecimal():  # the original's manual does this
            object.__setattr__(self, "rand_seed", int(self.seed))
            object.__setattr__(self, "seed", None)
        sources = [name for name in ("seed", "data_dir") if getattr(self, name)]
        if len(sources) > 1:
            raise InputError("--seed and --data_dir both say where to prime from; give one")


# The 2020 defaults, where they differ from ours (used by train.py and generate.py).
ORIGINAL: dict[type, dict[str, Any]] = {
    Net: {"hidden_size": 800, "n_layers": 3},
    Train: {
        "output_dir": "./output",
        "num_steps": 100000,
        "batch_size": 16,
        "seq_len": 4000,
        "carry": False,
        "lr": 0.0005,
        "checkpoint": 10000,
    },
    Generate: {
        "length": 16000,
        "batch_size": 16,
    },  # its --seq_len, 4000, is shorter than its --length: no priming at all
}


# What is best for sound, where it differs from the defaults, for the classes of which nothing else is said.
FOR_AUDIO: dict[type, dict[str, Any]] = {
    Net: {"net": "frame", "hidden_size": 192, "n_layers": 1},
    Train: {
        "num_steps": 8000,
        "batch_size": 8,
        "seq_len": 2048,
        "scored_frames": 32,
        "lr": 0.004,
        "lr_final": 0.0001,
        "checkpoint": 1000,
    },
}


def check_external_rate(rate: float) -> None:
    """Raise InputError for an `--external_sr` out of its range."""
    allowed = f"{LEAST_CONTROL_RATE:g} to {MOST_CONTROL_RATE} values a second"
    require(LEAST_CONTROL_RATE <= rate <= MOST_CONTROL_RATE, "external_sr", rate, allowed)


def canonical_net(name: str) -> str:
    """A net's name, from its name or the original's number. Raises InputError listing the known ones."""
    if name.isdecimal() and int(name) < len(NET_NUMBERS):
        return NET_NUMBERS[int(name)]
    if name not in NET_NAMES:
        raise unknown("net", name, [*NET_NAMES, *(str(k) for k in range(len(NET_NUMBERS)))])
    return name


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Raise the error for an option out of its range unless the condition holds."""
    if not holds:
        raise InputError(f"--{name} is {value}; it must be {allowed}")
