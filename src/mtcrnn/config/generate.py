"""Options for generating: which model, how it plays, conditioning and priming, output files."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

from mtcrnn.config.options import MOST_TEMPERATURE, Options, option, require
from mtcrnn.core.errors import InputError
from mtcrnn.core.limits import LEAST_CONTROL_RATE, MOST_CONTROL_RATE, MOST_SOUNDS
from mtcrnn.core.validation import strict

MOST_LENGTH = 1_400_000_000  # samples in a sound: a 24-bit wav (4 GB) cannot hold more

MOST_PRIME = 1 << 24  # steps of priming


@strict
@dataclass(frozen=True)
class Source(Options):
    """Which trained model generates."""

    model_dir: str = option("the run's folder, its model/ folder, or one model_STEP folder", path=True)
    step: int = option("which saved step (default: the newest)", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.step >= 0, "step", self.step, "0 or above")


@strict
@dataclass(frozen=True)
class Playing(Options):
    """How the model plays, and for how long."""

    length: int | None = option(
        "how much to generate, in steps (for audio: samples); default: as much as the external array, or 10 s", None
    )
    seq_len: int | None = option("length of priming plus generated sound, in steps; default: 0.25 s of priming", None)
    batch_size: int = option("number of sounds generated at once (1: as many as the external array has)", 1)
    temp: float = option("sampling temperature: 1 as trained, below 1 less random, above 1 more random", 1.0)
    engine: Literal["numba", "torch"] = option(
        "what generates: numba (compiled loops) or torch (the slow, readable reference)", "numba"
    )
    precision: Literal["auto", "float32", "int16", "int8"] = option(
        "of the weights: float32 (exact), int16 or int8 (for large nets), or auto (the most exact that plays live)",
        "auto",
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "cuda uses a GPU (through torch, for large batches); auto does so for --engine torch if there is one", "auto"
    )
    rand_seed: int | None = option("random seed: the same seed gives the same sound", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = self.length is None or 0 < self.length <= MOST_LENGTH
        require(allowed, "length", self.length, f"above 0 and at most {MOST_LENGTH}")
        allowed = 0 < self.batch_size <= MOST_SOUNDS
        require(allowed, "batch_size", self.batch_size, f"above 0 and at most {MOST_SOUNDS}")
        prime = (self.seq_len or 0) - (self.length or 0)
        fits = self.length is None or prime <= MOST_PRIME
        require(fits, "seq_len", self.seq_len, f"at most {MOST_PRIME} above `length`")
        require(0 <= self.temp <= MOST_TEMPERATURE, "temp", self.temp, f"0 to {MOST_TEMPERATURE:g}")


@strict
@dataclass(frozen=True)
class Conditioning(Options):
    """What the model is conditioned on and primed with."""

    seed: str | None = option("prime with this sound file (and condition on its param file)", None, path=True)
    seed_start: float = option("where to start in the seed file, in seconds", 0.0)
    data_dir: str | None = option("prime from a random position in this folder of sounds", None, path=True)
    param_dir: str | None = option("folder of their param files (default: next to the sounds)", None, path=True)
    rand_prime: bool = option("prime with random numbers", False)
    paramvect: Literal["self", "external", "none"] = option(
        "conditioning: self (the param file of the seed), external (--external_array) or none", "self"
    )
    external_array: str | None = option(".npy of parameter values [batch, length, parameters]", None, path=True)
    external_sr: float | None = option("values per second in the external array", None)
    gesture: str | None = option(
        ".npy saved while playing live: generates the same sound again, with its seed", None, path=True
    )
    set: tuple[str, ...] = option("constant or linear parameters: NAME=VALUE or NAME=FROM:TO", ())

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.external_sr is not None:
            check_external_rate(self.external_sr)
        require(self.seed_start >= 0, "seed_start", self.seed_start, "0 or above, in seconds")


@strict
@dataclass(frozen=True)
class Output(Options):
    """The files to write."""

    out: str = option(
        "output name without extension (or a folder); _0, _1, ... are added for a batch", "generated", path=True
    )
    names: str | None = option(
        "text file with a name for each sound of a batch, one per line, used instead of 0, 1, ...", None, path=True
    )
    save: bool = option("also save the generated sound as .npy (generated parameters always are)", False)
    save_params: bool = option("also save generated parameters as param files", False)


@dataclass(frozen=True)
class Generate:
    """All options for generating.

    Raises InputError if they contradict each other.
    """

    source: Source
    playing: Playing = field(default_factory=Playing)
    conditioning: Conditioning = field(default_factory=Conditioning)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        seed = self.conditioning.seed
        if self.conditioning.rand_prime and seed is not None and seed.isdecimal():  # as in the original's manual
            object.__setattr__(self, "playing", replace(self.playing, rand_seed=int(seed)))
            object.__setattr__(self, "conditioning", replace(self.conditioning, seed=None))
        if self.conditioning.seed and self.conditioning.data_dir:
            raise InputError("`seed` and `data_dir` both say where to prime from; give one")

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Build from options by name, whichever part they belong to."""
        names = {name: {spec.name for spec in fields(part)} for name, part in GENERATE.items()}
        parts = {name: {n: options.pop(n) for n in own if n in options} for name, own in names.items()}
        assert not options, options
        return cls(**{name: GENERATE[name](**parts[name]) for name in GENERATE})


GENERATE: dict[str, Any] = {"source": Source, "playing": Playing, "conditioning": Conditioning, "output": Output}


def check_external_rate(rate: float) -> None:
    """Raise InputError if `external_sr` is out of range."""
    allowed = f"{LEAST_CONTROL_RATE:g} to {MOST_CONTROL_RATE} values per second"
    require(LEAST_CONTROL_RATE <= rate <= MOST_CONTROL_RATE, "external_sr", rate, allowed)
