"""Level 3: the training loop."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mtcrnn import checkpoint
from mtcrnn.config import Net, Tier, Train
from mtcrnn.corpus import Batch, Corpus, Streams
from mtcrnn.errors import InputError
from mtcrnn.model import Model, ModelConfig, make_output, new_model
from mtcrnn.nets import State
from mtcrnn.options import check_agreement, check_sizes
from mtcrnn.paramset import ParamManager
from mtcrnn.rng import Purpose, generator
from mtcrnn.runlog import RunLog
from mtcrnn.sampling import draw_coins, draw_uniforms, self_sampled_inputs
from mtcrnn.validation import parse

log = logging.getLogger(__name__)

LOOK_EVERY = 10  # steps between looks at the losses (each look waits for the device), log lines and held-out tests


def train(tier: Tier, net: Net, options: Train) -> Path:
    """Train a new model and return the folder of its last saved state.

    Ctrl-C ends the run after the step in hand and saves.

    Raises:
        InputError: bad data or options, an output folder that holds another run, a loss that is no finite number
            (models saved before stay), a full disk.
    """
    net.check_for(tier)
    folder = checkpoint.run_folder(options.output_dir)
    if (folder / "model").exists() and any((folder / "model").iterdir()):
        raise InputError(f"{folder} already holds a run; choose another --output_dir")
    data = ParamManager(Path(options.data_dir), Path(options.param_dir) if options.param_dir else None)
    corpus = Corpus(tier, data)
    model = new_model(ModelConfig(tier, net, corpus.ranges), options.rand_seed)
    return Trainer(model, corpus, options, folder).run()


def resume(
    model_dir: str,
    step: int,
    typed_model: Mapping[str, Any],
    typed_options: Mapping[str, Any],
    sizes: Mapping[str, int | None],
) -> Path:
    """Go on with a run: what it was started with, its optimiser, its place in the data; bit for bit on one CPU.

    An unfinished run goes on to its planned end, a finished one for `num_steps` more. Models of later steps, where
    an earlier one is picked, are kept aside under another name.

    Args:
        model_dir: the run's folder, or its model/ folder.
        step: which saved step; 0 takes the newest.
        typed_model: options of the tier and the net that the user gave all the same: they must agree.
        typed_options: training options to change from here on.
        sizes: `gen_size` and `cond_size` where given: they must agree.

    Raises:
        InputError: as `train`; also no such model, nothing to resume from, options that contradict the model, data
            that lacks a parameter.
    """
    path = checkpoint.find(model_dir, step)
    model = checkpoint.load(path)
    check_agreement(model.config.tier, model.config.net, typed_model)
    check_sizes(model.config.tier, sizes)
    state = checkpoint.load_train_state(path)
    options = dataclasses.replace(parse(Train, state["train"], f"{path}'s training options"), **typed_options)
    end = int(state["end"])
    if "num_steps" in typed_options or end <= model.config.step:
        end = model.config.step + options.num_steps
    data = ParamManager(Path(options.data_dir), Path(options.param_dir) if options.param_dir else None)
    corpus = Corpus(model.config.tier, data, model.config.ranges)
    folder = checkpoint.run_folder(options.output_dir) if "output_dir" in typed_options else path.parent.parent
    trainer = Trainer(model, corpus, options, folder, end)
    trainer.restore(state)
    return trainer.run()


class Trainer:
    """One run: a model, its data, its optimiser and its logs."""

    def __init__(self, model: Model, corpus: Corpus, options: Train, folder: Path, end: int | None = None) -> None:
        self.end = end or options.num_steps
        self.output = make_output(model.config, options.loss)
        self.best = math.inf  # the lowest held-out loss so far
        self.model, self.corpus, self.options, self.folder = model, corpus, options, folder
        self.training, self.held_out = corpus.split(options.seq_len, options.stride, options.holdout)
        if options.holdout != "none" and not len(self.held_out):
            log.warning("no file is long enough to hold out a tail of one window: no held-out loss")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model.module.to(device)
        self.optimiser = torch.optim.Adam(model.module.parameters(), lr=options.lr)
        self.streams: Streams | None = None  # where --carry reads, and the states that it carries
        self.carried: State = ()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `_save` saved beside the model."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.carried = tuple(tensor.to(self.model.device) for tensor in state["carried"])
        self.best = state["best"]

    def run(self) -> Path:
        """Train to the last step or to Ctrl-C; save; return the folder of the last model."""
        options, first, last = self.options, self.model.config.step, self.end
        saved: Path | None = None
        recent: list[tuple[torch.Tensor, torch.Tensor]] = []  # (loss, gradient norm) since the last look
        with RunLog(self.folder, self._describe(), first) as runlog, _stop_on_interrupt() as stop:
            bar = tqdm(total=last, initial=first, desc="training", unit="step", mininterval=0.5)
            with bar:
                started = looked_at = time.perf_counter()
                for step in range(first + 1, last + 1):
                    recent.append(self._step(step))
                    bar.update()
                    ending = step == last or stop.wanted
                    saving = ending or step % options.checkpoint == 0
                    if saving or step % LOOK_EVERY == 0:
                        losses = self._check(recent, step, saved)
                        now = time.perf_counter()
                        rate = len(losses) * options.batch_size * options.seq_len / (now - looked_at)
                        row = {"loss": sum(losses) / len(losses), "samples_per_s": rate}
                        if len(self.held_out) and (saving or step % (10 * LOOK_EVERY) == 0):
                            row["held_out"] = self.held_out_loss()
                            self.best = min(self.best, row["held_out"])
                        runlog.add(step, row)
                        bar.set_postfix_str(runlog.summary())
                        recent, looked_at = [], time.perf_counter()
                        if options.minutes is not None and now - started > 60 * options.minutes and not ending:
                            log.warning("stopped at step %d of %d: %g minutes are over", step, last, options.minutes)
                            saving = ending = True
                        if options.loss_cutoff is not None and row["loss"] < options.loss_cutoff:
                            log.warning("step %d: the loss, %.4g, is below --loss_cutoff", step, row["loss"])
                            saving = ending = True
                    if saving:
                        saved = self._save(step)
                    if ending:
                        break
        if stop.wanted:
            log.warning("stopped by hand after step %d of %d", step, last)
        assert saved is not None
        return saved

    def _step(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimiser step on batch `step`; its loss and gradient norm, still on the device."""
        options, model = self.options, self.model
        batch, state = self._next_batch(step)
        values, conditions = self._to_device(batch)
        past = values[:, :-1]
        rate = self.teacher_forcing_rate(step)
        if rate < 1:
            B, T = past.shape[:2]
            coins = draw_coins(options.rand_seed, step, T, rate)
            u = torch.from_numpy(draw_uniforms(options.rand_seed, step, B, T, model.output.draws)).to(past.device)
            past = self_sampled_inputs(model, past, conditions, state, coins, u, options.temp)
        if options.input_noise:
            past = self._noisy(past, step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimiser.zero_grad(set_to_none=True)
        loss, state = self._loss(past, conditions, values[:, 1:], state)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(model.module.parameters(), options.grad_clip or math.inf)
        self.optimiser.step()
        self.carried = tuple(tensor.detach() for tensor in state)
        return loss.detach(), norm

    def teacher_forcing_rate(self, step: int) -> float:
        """The share of true inputs at `step`: from `tfr` at the run's first step to `ss` at its last."""
        return self._scheduled(self.options.tfr, self.options.ss, step)

    def learning_rate(self, step: int) -> float:
        """Adam's learning rate at `step`: from `lr` at the run's first step to `lr_final` at its last."""
        return self._scheduled(self.options.lr, self.options.lr_final, step)

    def _scheduled(self, start: float, final: float | None, step: int) -> float:
        """Linear from `start` at step 1 to `final` at the run's planned end; constant where there is no `final`."""
        return start if final is None else start + (final - start) * (step - 1) / max(self.end - 1, 1)

    def _noisy(self, past: torch.Tensor, step: int) -> torch.Tensor:
        """Past values [B, T, G] with normal noise: codes are moved by whole codes, within their range."""
        rng = generator(self.options.rand_seed, Purpose.NOISE, step)
        noise = torch.from_numpy(rng.standard_normal(past.shape, dtype=np.float32)).to(past.device)
        if not self.model.config.tier.is_audio:
            return past + self.options.input_noise * noise
        top = self.model.codec.channels - 1
        return (past + (self.options.input_noise * top * noise).round().long()).clamp(0, top)

    def _next_batch(self, step: int) -> tuple[Batch, State]:
        """The windows of a step and the states that they start from: carried, or the net's first."""
        options, corpus = self.options, self.corpus
        first = self.model.net.init_state(options.batch_size)
        if not options.carry:
            return corpus.batch(self.training, options.batch_size, options.rand_seed, step), first
        self.streams = corpus.streams(self.training, options.batch_size, options.rand_seed, step, self.streams)
        fresh = torch.from_numpy(self.streams.fresh).to(self.model.device)[:, None]
        carried = self.carried or first
        state = tuple(torch.where(fresh, new, old) for new, old in zip(first, carried, strict=True))
        return corpus.gather(self.streams.starts, options.seq_len), state

    def _loss(
        self, past: torch.Tensor, conditions: torch.Tensor, targets: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Nats per step of a batch of windows in one fused call, and the states at their ends."""
        raw, state = self.model.net(self.model.features(past, conditions), state)
        return self.output.loss(raw, targets), state

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Nats per step, teacher forced, on one batch of held-out windows: the same ones at every call."""
        values, conditions = self._to_device(self.corpus.spread(self.held_out, self.options.batch_size))
        state = self.model.net.init_state(len(values))
        return float(self._loss(values[:, :-1], conditions, values[:, 1:], state)[0])

    def _check(self, recent: list[tuple[torch.Tensor, torch.Tensor]], step: int, saved: Path | None) -> list[float]:
        """The losses as numbers. Raises InputError where one of them, or a gradient, is not finite."""
        both = torch.stack([torch.stack([loss, norm.to(loss.dtype)]) for loss, norm in recent]).tolist()
        for k, (loss, norm) in enumerate(both):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                kept = f"the last good model is {saved}" if saved else "no model was saved yet"
                raise InputError(
                    f"step {step - len(both) + 1 + k}: the loss is {loss} and its gradient's norm {norm}; stopped; "
                    f"{kept}; a lower --lr (now {self.options.lr:g}) usually helps"
                )
        return [loss for loss, _ in both]

    def _save(self, step: int) -> Path:
        self.model.config = dataclasses.replace(self.model.config, step=step)
        state = {
            "optimiser": self.optimiser.state_dict(),
            "train": dataclasses.asdict(self.options),
            "end": self.end,
            "carried": self.carried,
            "best": self.best,
        }
        return checkpoint.save(self.folder / "model", self.model, state)

    def _to_device(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        device = self.model.device
        return torch.from_numpy(batch.values).to(device), torch.from_numpy(batch.conditions).to(device)

    def _describe(self) -> str:
        """What the run was started with, for log/args.txt."""
        config = self.model.config
        everything = {
            **dataclasses.asdict(config.tier),
            **dataclasses.asdict(config.net),
            **dataclasses.asdict(self.options),
        }
        return json.dumps(everything, indent=2) + "\n"


class _Stop:
    wanted = False


@contextmanager
def _stop_on_interrupt() -> Iterator[_Stop]:
    """Turn the first Ctrl-C (or SIGTERM) into a wish to stop; a second one interrupts at once."""
    stop = _Stop()

    def wish(signum: int, frame: FrameType | None) -> None:
        if stop.wanted:
            raise KeyboardInterrupt
        stop.wanted = True

    try:
        before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nobody can press Ctrl-C here
        before = {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
