"""How to generate: from which model, how it plays, under which parameters, into which files."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

from mtcrnn.config.options import MOST_TEMPERATURE, Options, option, require
from mtcrnn.core.errors import InputError
from mtcrnn.core.limits import LEAST_CONTROL_RATE, MOST_CONTROL_RATE, MOST_SOUNDS
from mtcrnn.core.validation import strict

MOST_LENGTH = 1_400_000_000  # of a sound: a wav of 24 bits holds no more in its 4 GB

MOST_PRIME = 1 << 24


@strict
@dataclass(frozen=True)
class Source(Options):
    """A trained model."""

    model_dir: str = option("the run's folder, its model/ folder, or one model_STEP folder", path=True)
    step: int = option("which saved step (left out: the newest)", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.step >= 0, "step", self.step, "0 or above")


@strict
@dataclass(frozen=True)
class Playing(Options):
    """How it plays, and how long."""

    length: int | None = option(
        "how much to generate, in steps (audio: samples); left out: that of the external array, or 10 s", None
    )
    seq_len: int | None = option("priming plus generated length, in steps; left out: 0.25 s of priming", None)
    batch_size: int = option("sounds made at once (1: as many as the external array has)", 1)
    temp: float = option("temperature: 1 as trained, below 1 tamer, above 1 wilder", 1.0)
    engine: Literal["numba", "torch"] = option(
        "what renders: compiled loops, or the slow and readable reference", "numba"
    )
    precision: Literal["auto", "float32", "int8"] = option(
        "of the weights: float32 (exact), int8 (for large nets), or auto (float32 where it can be played live)", "auto"
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "cuda takes a GPU (by torch: for large batches); auto does so for --engine torch where there is one", "auto"
    )
    rand_seed: int | None = option("random seed: the same number gives the same sound", None)

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = self.length is None or 0 < self.length <= MOST_LENGTH
        require(allowed, "length", self.length, f"above 0, {MOST_LENGTH} at most")
        require(0 < self.batch_size <= MOST_SOUNDS, "batch_size", self.batch_size, f"above 0, {MOST_SOUNDS} at most")
        prime = (self.seq_len or 0) - (self.length or 0)
        fits = self.length is None or prime <= MOST_PRIME
        require(fits, "seq_len", self.seq_len, f"{MOST_PRIME} above `length` at most")
        require(0 <= self.temp <= MOST_TEMPERATURE, "temp", self.temp, f"0 to {MOST_TEMPERATURE:g}")


@strict
@dataclass(frozen=True)
class Conditioning(Options):
    """Its parameters, and what comes before the first sample."""

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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.external_sr is not None:
            check_external_rate(self.external_sr)
        require(self.seed_start >= 0, "seed_start", self.seed_start, "0 or above, in seconds")


@strict
@dataclass(frozen=True)
class Output(Options):
    """The files."""

    out: str = option(
        "output name without ending (or a folder); _0, _1, ... are added for a batch", "generated", path=True
    )
    names: str | None = option(
        "text file with a line for each sound of a batch: its name, in place of 0, 1, ...", None, path=True
    )
    save: bool = option("also save the generated sound as .npy (parameters always are)", False)
    save_params: bool = option("also save generated parameters as param files", False)


@dataclass(frozen=True)
class Generate:
    """All of it."""

    source: Source
    playing: Playing = field(default_factory=Playing)
    conditioning: Conditioning = field(default_factory=Conditioning)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        seed = self.conditioning.seed
        if self.conditioning.rand_prime and seed is not None and seed.isdecimal():  # the original's manual does this
            object.__setattr__(self, "playing", replace(self.playing, rand_seed=int(seed)))
            object.__setattr__(self, "conditioning", replace(self.conditioning, seed=None))
        if self.conditioning.seed and self.conditioning.data_dir:
            raise InputError("`seed` and `data_dir` both say where to prime from; give one")

    @classmethod
    def of(cls, **options: Any) -> Self:
        """From options by name, whichever part they belong to."""
        names = {name: {spec.name for spec in fields(part)} for name, part in GENERATE.items()}
        parts = {name: {n: options.pop(n) for n in own if n in options} for name, own in names.items()}
        assert not options, options
        return cls(**{name: GENERATE[name](**parts[name]) for name in GENERATE})


GENERATE: dict[str, Any] = {"source": Source, "playing": Playing, "conditioning": Conditioning, "output": Output}


def check_external_rate(rate: float) -> None:
    """Raise InputError for an `--external_sr` out of its range."""
    allowed = f"{LEAST_CONTROL_RATE:g} to {MOST_CONTROL_RATE} values a second"
    require(LEAST_CONTROL_RATE <= rate <= MOST_CONTROL_RATE, "external_sr", rate, allowed)
