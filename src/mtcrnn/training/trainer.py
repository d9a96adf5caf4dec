"""The training loop: optimiser steps, losses, the held-out loss, the overfitting warning, saving."""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import math
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.core.interrupt import stop_on_interrupt
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.corpus import Batch, Corpus
from mtcrnn.data.windows import Streams, streams
from mtcrnn.models.devices import has_bf16, keep_freed_memory
from mtcrnn.models.distributions import distribution_of
from mtcrnn.models.model import Model
from mtcrnn.models.nets import State
from mtcrnn.models.nets.framed import take_frames
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.best import note_best, read_best
from mtcrnn.runs.log import RunLog
from mtcrnn.runs.train_state import TrainState, to_bytes
from mtcrnn.training.clipping import clip_gradient
from mtcrnn.training.distributed import World
from mtcrnn.training.free_running import LOUD, SILENT, FreeRunning
from mtcrnn.training.schedule import Schedule
from mtcrnn.training.scoring import draw_frames, frame_chances
from mtcrnn.training.teacher_forcing import draw_forced, draw_uniforms, self_sampled_inputs

log = logging.getLogger(__name__)

OVERFIT_NATS = 0.1  # warn of overfitting if the held-out loss ends this far above its lowest
LOG_EVERY = 10  # steps between two rows of the log, which wait for the device; held-out losses: in every tenth row


class Trainer:
    """One run: a model, its data, its optimiser and its logs.

    Args:
        model: the model to train.
        corpus: its data.
        options: how to train.
        folder: of the run.
        world: the processes that train the model together; None: this one alone.
        schedule: how long to train; None: as `options` say.
    """

    def __init__(
        self,
        model: Model,
        corpus: Corpus,
        options: Train,
        folder: Path,
        world: World | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self.world = world or World()
        self.schedule = schedule or Schedule(options.num_steps, options.minutes)
        self.distribution = distribution_of(model.config, model.net, options.loss)
        self.model, self.corpus, self.options, self.folder = model, corpus, options, folder
        net = model.config.net
        self.frame_size = net.step_size
        if options.seq_len % self.frame_size:
            raise InputError(f"`seq_len` {options.seq_len} is not a multiple of `frame_size` {self.frame_size}")
        if options.scored_frames and not net.spec.framed:
            raise InputError(f"`scored_frames` {options.scored_frames} is for the net frame, not for {net.net}")
        all_frames = options.seq_len // self.frame_size
        self.scored_frames = options.scored_frames if options.scored_frames < all_frames else 0
        self.batch_size = options.batch_size * self.world.size  # of all processes
        self.share = self.world.share(options.batch_size)
        self.training, self.held_out = corpus.split(options.seq_len, options.stride, options.holdout)
        if options.holdout != "none" and not len(self.held_out):
            log.warning("no file is long enough to hold out a tail of one window: no held-out loss")
        model.module.to(self.world.device)
        self.optimiser = torch.optim.Adam(model.module.parameters(), lr=options.lr, fused=True)
        auto = net.spec.mixed and has_bf16(self.world.device)
        self.mixed = options.precision == "bf16" or (options.precision == "auto" and auto)
        self.streams: Streams | None = None  # with `carry`: where the windows are read, and the states between them
        self.carried: State = ()
        self.recent: list[tuple[torch.Tensor, torch.Tensor]] = []  # (loss, gradient norm) since the last row of the log
        self.best = (math.inf, 0)  # the lowest held-out loss so far, and its step
        self.newest_held_out = -math.inf
        self.saved: Path | None = None
        self.free = FreeRunning(corpus) if self.world.leads and model.config.tier.is_audio else None
        self.verdict: str | None = None  # of the newest look at free running

    def restore(self, state: TrainState) -> None:
        """Restore what `_save` saved, with any number of processes; `state` was checked for the model."""
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state.optimiser, "param_groups": groups})
        self.best = state.best
        if state.carried and state.carried[0].shape[1] == self.batch_size:
            self.carried = tuple(tensor[:, self.share].to(self.model.device) for tensor in state.carried)
        elif state.carried:
            before = state.carried[0].shape[1]
            log.warning("the batch had %d windows and has %d now: carried states start over", before, self.batch_size)

    def run(self) -> Path:
        """Train to the end of the schedule or until Ctrl-C; save; return the folder of the last model."""
        first, schedule = self.model.config.step, self.schedule
        keep_freed_memory()
        with ExitStack() as stack:
            stop = stack.enter_context(stop_on_interrupt())
            runlog = stack.enter_context(RunLog(self.folder, self._describe(), first)) if self.world.leads else None
            bar = stack.enter_context(
                tqdm(initial=first, desc="training", unit="step", mininterval=0.5, disable=runlog is None)
            )
            logged_at = time.perf_counter()
            schedule.start()
            for step in itertools.count(first + 1):
                self.recent.append(self._step(step))
                schedule.read_clock(self.world.mean)
                bar.update()
                ending = step == schedule.end or schedule.time_is_up or self.world.any(bool(stop.wanted))
                saving = ending or step % self.options.checkpoint == 0
                if saving or step % LOG_EVERY == 0:
                    row = self._log_row(step, logged_at, saving)
                    if saving:
                        self._run_free(ending)
                    logged_at = time.perf_counter()
                    if runlog is not None:
                        runlog.add(step, row)
                        bar.total = schedule.last_step(step)
                        bar.set_postfix_str(runlog.summary(self.best[0], self.verdict))
                    if self.options.loss_cutoff is not None and row["loss"] < self.options.loss_cutoff:
                        log.info("step %d: the loss, %.4g, is below `loss_cutoff`", step, row["loss"])
                        saving = ending = True
                if saving:
                    self._save(step)
                if ending:
                    break
        if stop.wanted:
            log.info("stopped by hand after step %d of %s", step, schedule.last_step(step))
        elif schedule.end and step < schedule.end and schedule.time_is_up:
            log.info("stopped at step %d of %d: %g minutes are over", step, schedule.end, schedule.minutes)
        assert self.saved is not None
        self._warn_of_the_newest()
        return self.saved

    def _run_free(self, ending: bool) -> None:
        """Look whether the net stays at the levels of its data, if it is time; that is no time of training."""
        if self.free is None or not self.free.due(ending):
            return
        before = self.free.spent
        self.verdict = self.free.verdict(self.model)
        self.schedule.exclude(self.free.spent - before)

    def _warn_of_the_newest(self) -> None:
        """Warn of a model that runs away or falls silent, and of one that knows its data by heart."""
        if self.verdict in (SILENT, LOUD):
            best = read_best(self.folder / "model")
            better = f"that of `step` {best} plays on" if best else "and so do all saved ones"
            log.warning("left to itself, the newest model %s: %s", self.verdict, better)
        lowest, at = self.best
        if self.newest_held_out > lowest + OVERFIT_NATS:
            log.warning(
                "the held-out loss was lowest at step %d (%.3f) and is %.3f now: the net learns its data by heart; "
                "that need not sound worse (`mtcrnn evaluate` compares saved steps), but more data may sound better",
                at,
                lowest,
                self.newest_held_out,
            )

    def _log_row(self, step: int, since: float, saving: bool) -> dict[str, float]:
        """A row for the log: the mean of the losses since the last row, at time `since`; the held-out loss when due."""
        losses = self._check(step)
        steps = len(losses) * self.batch_size * (self.scored_frames * self.frame_size or self.options.seq_len)
        values = steps * self.model.config.tier.bands
        row = {"loss": sum(losses) / len(losses), "samples_per_s": values / (time.perf_counter() - since)}
        if self.world.leads and len(self.held_out) and (saving or step % (10 * LOG_EVERY) == 0):
            row["held_out"] = self.newest_held_out = self.held_out_loss()
            self.best = min(self.best, (row["held_out"], step))
        self.recent.clear()
        return row

    def _step(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimiser step on batch `step`. Returns its loss and gradient norm, still on the device."""
        options, model = self.options, self.model
        batch, state = self._next_batch(step)
        values, conditioning, past = self._to_device(batch)
        if (rate := self.teacher_forcing_rate(step)) < 1:
            forced = draw_forced(options.rand_seed, step, options.seq_len, rate)
            draws = model.distribution.draws
            u = draw_uniforms(options.rand_seed, step, self.batch_size, options.seq_len, draws)[self.share]
            with self._precision():
                past = self_sampled_inputs(
                    model, past, conditioning, state, forced, torch.from_numpy(u).to(past.device), options.temp
                )
        if options.input_noise:
            past = self._noisy(past, step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimiser.zero_grad(set_to_none=True)
        loss, state = self._loss(past, conditioning, values[:, 1:], state, self._scored(batch, step))
        loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        self.world.average([loss, *(weight.grad for weight in model.module.parameters() if weight.grad is not None)])
        norm = clip_gradient(model.module.parameters(), options.grad_clip or math.inf)
        self.optimiser.step()
        self.carried = tuple(tensor.detach() for tensor in state)
        return loss, norm

    def teacher_forcing_rate(self, step: int) -> float:
        """The share of true inputs at `step`: from `tfr` at the run's first step to `ss` at its last."""
        return self.schedule.at(step, self.options.tfr, self.options.ss)

    def learning_rate(self, step: int) -> float:
        """Adam's learning rate at `step`: from `lr` at the run's first step to `lr_final` at its last."""
        return self.schedule.at(step, self.options.lr, self.options.lr_final)

    def _noisy(self, past: torch.Tensor, step: int) -> torch.Tensor:
        """Encoded past values [B, T, G] with Gaussian noise, clipped to their bounds."""
        rng = generator(self.options.rand_seed, Purpose.NOISE, step)
        noise = rng.standard_normal((self.batch_size, *past.shape[1:]), dtype=np.float32)[self.share]
        encoding = self.model.encoding
        shift = torch.from_numpy(encoding.shift(self.options.input_noise * noise)).to(past.device)
        return (past + shift).clamp(*encoding.bounds)

    def _next_batch(self, step: int) -> tuple[Batch, State]:
        """The windows of a step and the states that they start from: carried, or the net's initial states."""
        options, corpus = self.options, self.corpus
        first = self.model.net.init_state(options.batch_size)
        if not options.carry:
            return corpus.batch(self.training, self.batch_size, options.rand_seed, step, self.share), first
        where = self.training, self.batch_size, options.rand_seed, step
        self.streams = streams(*where, self.streams, options.jumps)
        fresh = torch.from_numpy(self.streams.fresh[self.share]).to(self.model.device)[:, None]
        carried = self.carried or first
        state = tuple(torch.where(fresh, new, old) for new, old in zip(first, carried, strict=True))
        return corpus.follow(self.streams, self.share, options.seq_len, options.rand_seed), state

    def _scored(self, batch: Batch, step: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The frames of the windows that are scored at `step`, and the weights of their losses; None: all alike."""
        if not self.scored_frames:
            return None
        chances = frame_chances(batch.values, self.options.seq_len // self.frame_size, self.scored_frames)
        rng = generator(self.options.rand_seed, Purpose.FRAMES, step)
        frames, weights = draw_frames(chances, self.scored_frames, rng.random(self.batch_size)[self.share])
        if self.options.jumps:
            frames[:, 0], weights[:, 0] = 0, 1  # right after a jump
        device = self.model.device
        return torch.from_numpy(frames).to(device), torch.from_numpy(weights).to(device)

    def _loss(
        self,
        past: torch.Tensor,
        conditioning: torch.Tensor,
        targets: torch.Tensor,
        state: State,
        scored: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, State]:
        """Nats per step of a batch of windows (or of some of their frames), and the states at their ends."""
        frames, weights = scored or (None, None)
        with self._precision():
            raw, state = self.model(past, conditioning, state, frames)
        if frames is None or weights is None:
            return self.distribution.losses(raw, targets).mean(), state
        losses = self.distribution.losses(raw, take_frames(targets, frames, self.frame_size))
        return (losses * weights.repeat_interleave(self.frame_size, dim=1)).mean(), state

    def _precision(self) -> torch.autocast:
        """A context for mixed precision (products in bf16) if `mixed`."""
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.mixed)

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Nats per step, teacher forced, on one batch of held-out windows: the same in every call."""
        values, conditioning, past = self._to_device(self.corpus.spread(self.held_out, self.batch_size))
        state = self.model.net.init_state(len(values))
        return float(self._loss(past, conditioning, values[:, 1:], state)[0])

    def _check(self, step: int) -> list[float]:
        """The recent losses as numbers.

        Raises InputError if one of them is not finite, or none of the gradient norms.
        """
        both = torch.stack([torch.stack([loss, norm.to(loss.dtype)]) for loss, norm in self.recent]).tolist()
        overflown = [not math.isfinite(norm) for _, norm in both]
        for k, (loss, norm) in enumerate(both):
            at = step - len(both) + 1 + k
            if not math.isfinite(loss) or all(overflown):
                kept = f"the last good model is {self.saved}" if self.saved else "no model was saved yet"
                raise InputError(
                    f"step {at}: the loss is {loss} and its gradient's norm {norm}; stopped; "
                    f"{kept}; a lower `lr` (now {self.options.lr:g}) usually helps"
                )
            if overflown[k]:
                log.warning("step %d: the gradient overflowed; the step was left out", at)
        return [loss for loss, _ in both]

    def _save(self, step: int) -> None:
        """Write the model and what resuming needs: the same as one process with the whole batch would write."""
        self.model.config = dataclasses.replace(self.model.config, step=step)
        carried = tuple(self.world.join_rows(tensor) for tensor in self.carried)
        folder = self.folder / "model"
        self.saved = folders.model_path(folder, step)
        if self.world.leads:
            others = {
                "train": dataclasses.asdict(self.options),
                "end": self.schedule.end,
                "elapsed": self.schedule.elapsed,
                "carried": carried,
                "best": self.best,
                "data": self.corpus.fingerprints,
            }
            checkpoint.save(folder, self.model, to_bytes(self.optimiser.state_dict(), others))
            if self.verdict not in (SILENT, LOUD):
                note_best(folder, step)

    def _to_device(self, batch: Batch) -> list[torch.Tensor]:
        """The values, the conditioning and the inputs."""
        device = self.model.device
        return [torch.from_numpy(array).to(device) for array in (batch.values, batch.conditioning, batch.inputs)]

    def _describe(self) -> str:
        """The options that the run was started with, as JSON for log/args.txt."""
        config = self.model.config
        everything = {
            **dataclasses.asdict(config.tier),
            **dataclasses.asdict(config.net),
            **dataclasses.asdict(self.options),
        }
        return json.dumps(everything, indent=2) + "\n"
