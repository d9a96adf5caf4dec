"""Options for training: data, windows, learning rate, loss, checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mtcrnn.config.options import MOST_TEMPERATURE, Options, option, require
from mtcrnn.core.errors import InputError
from mtcrnn.core.validation import strict

MOST_STEP_VALUES = 1 << 24  # values in all windows of a training step

MOST_STEPS = 10**12
MOST_GLIDE = 12.0  # semitones


@strict
@dataclass(frozen=True)
class Train(Options):
    """How to train. A step takes one batch of windows; a window is `seq_len` consecutive values."""

    data_dir: str = option("folder of sounds, at any depth", "./data/audio", path=True)
    param_dir: str | None = option("folder of the param files (default: the data folder)", None, path=True)
    output_dir: str = option("folder of the run: a name goes under output/, a path is used as it is", "run", path=True)
    num_steps: int | None = option("training steps of this run (default with --minutes: as many as fit)", 1000)
    batch_size: int = option("windows per step (of each process, if there are several)", 64)
    seq_len: int = option("length of a training window, in generated values", 512)
    scored_frames: int = option(
        "number of frames per window that the loss scores, drawn at random, more of them where the sound moves; the "
        "others only pass through the recurrent layers (nets frame and subband only; 0, or more than there are: all)",
        0,
    )
    stride: int = option("shift between neighbouring windows, in generated values", 1)
    carry: bool = option("start a window with the recurrent state at the end of the window before it in the file", True)
    jumps: float = option(
        "share of the windows that go on from the sound and the state of another place in the data (with carry): so "
        "the net learns to follow parameters that do not move in the data",
        0.0,
    )
    lr: float = option("learning rate of Adam", 0.002)
    lr_final: float | None = option("learning rate at the end of the run, reached linearly (default: constant)", None)
    grad_clip: float = option("maximum norm of the gradient; 0 turns clipping off", 1.0)
    precision: Literal["auto", "float32", "bf16"] = option(
        "arithmetic: float32, bf16 (mixed precision: bf16 products, float32 weights and losses), or auto (bf16 for the "
        "nets frame and subband on hardware that is made for it, else float32)",
        "auto",
    )
    device: Literal["auto", "cpu", "cuda"] = option(
        "cpu, cuda (an NVIDIA or AMD GPU), or auto (a GPU if there is one)", "auto"
    )
    tfr: float = option("teacher forcing rate: the share of inputs that are the true past, 0 to 1", 1.0)
    ss: float | None = option("scheduled sampling: teacher forcing rate at the end of the run, reached linearly", None)
    temp: float = option("temperature of the inputs that the net samples itself (--tfr below 1)", 1.0)
    input_noise: float = option(
        "random noise on the inputs: its standard deviation as a share of their range; 0.01 by default with a period",
        0.0,
    )
    glides: float = option(
        "semitones by which copies of the sounds glide up and down (with a period), so that the net hears periods "
        "move; mtcrnn train takes 2 where periods stand still in nearly all sounds, else 0: no copies",
        0.0,
    )
    loss: Literal["nll", "mse"] = option(
        "for parameters: nll (negative log-likelihood) or mse (expected squared error of a sample)", "nll"
    )
    minutes: float | None = option(
        "train for this many minutes (with --num_steps: or that many steps, whichever end first)", None
    )
    loss_cutoff: float | None = option("stop once the loss is below this (nats per value)", None)
    checkpoint: int = option("number of steps between saved models (one is also saved at the end)", 250)
    holdout: str = option(
        "held out for testing: 'tail' (the last tenth of each file, at most 1 s), 'file:NAME' (one file) or 'none'",
        "tail",
    )
    rand_seed: int = option("random seed of the run: initial weights, batches, sampled inputs", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        allowed = self.num_steps is None or 0 < self.num_steps <= MOST_STEPS
        require(allowed, "num_steps", self.num_steps, f"above 0 and at most {MOST_STEPS}")
        if self.num_steps is None and self.minutes is None:
            raise InputError("a run needs `num_steps` or `minutes`")
        for name in ("batch_size", "seq_len", "stride", "checkpoint"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        if self.batch_size * self.seq_len > MOST_STEP_VALUES:
            raise InputError(
                f"`batch_size` {self.batch_size} with `seq_len` {self.seq_len} is too much for one step: "
                f"at most {MOST_STEP_VALUES} values"
            )
        require(self.scored_frames >= 0, "scored_frames", self.scored_frames, "0 or above")
        require(0 <= self.jumps <= 1, "jumps", self.jumps, "0 to 1")
        require(self.lr > 0, "lr", self.lr, "above 0")
        require(self.lr_final is None or self.lr_final >= 0, "lr_final", self.lr_final, "0 or above")
        require(self.grad_clip >= 0, "grad_clip", self.grad_clip, "0 or above")
        require(0 <= self.tfr <= 1, "tfr", self.tfr, "0 to 1")
        require(self.ss is None or 0 <= self.ss <= 1, "ss", self.ss, "0 to 1")
        require(self.minutes is None or self.minutes > 0, "minutes", self.minutes, "above 0")
        require(self.input_noise >= 0, "input_noise", self.input_noise, "0 or above")
        require(0 <= self.glides <= MOST_GLIDE, "glides", self.glides, f"0 to {MOST_GLIDE:g}")
        require(0 <= self.temp <= MOST_TEMPERATURE, "temp", self.temp, f"0 to {MOST_TEMPERATURE:g}")
        require(self.rand_seed >= 0, "rand_seed", self.rand_seed, "0 or above")
        if self.holdout not in ("tail", "none") and not self.holdout.startswith("file:"):
            raise InputError(f"`holdout` is {self.holdout!r}; it must be tail, file:NAME or none")
