"""Level 3: from a model on disk and a player's options to files: the work behind `mtcrnn generate`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn import audio, runs
from mtcrnn.config import Generate
from mtcrnn.controls import Controls, load_array, read_gesture
from mtcrnn.errors import InputError
from mtcrnn.files import array_bytes, write_files
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.options import check_agreement, check_sizes
from mtcrnn.params import SUFFIX, ParamFile
from mtcrnn.paramset import make_param
from mtcrnn.playable import Playable, Renderer
from mtcrnn.rng import fresh_seed
from mtcrnn.stream import replay

if TYPE_CHECKING:
    from mtcrnn.model import Model

log = logging.getLogger(__name__)

BLOCK_STEPS = 1000  # rendered between two updates of the progress bar
DEFAULT_SECONDS, DEFAULT_PRIME_SECONDS = 10.0, 0.25


def generate(
    options: Generate, typed: Mapping[str, Any] | None = None, sizes: Mapping[str, int | None] | None = None
) -> list[Path]:
    """Generate sounds (and with `save` their values) as `options` ask, and return the files written.

    Args:
        options: what to generate, and where to.
        typed: options of the tier and the net that the user gave all the same: they must agree with the model.
        sizes: likewise `gen_size` and `cond_size`.

    Raises:
        InputError: no such model, conditioning or priming that does not fit; nothing is written then.
    """
    config, player = _open(options, typed or {}, sizes or {})
    rate = config.tier.sample_rate
    length = options.length or default_length(options, config)
    if options.save_params and config.tier.is_audio:
        raise InputError("--save_params is for tiers that generate parameters; this one generates audio")
    stem = Path(options.out.removesuffix(".wav").removesuffix(".npy"))
    if not stem.name:
        raise InputError(f"--out {options.out!r} is no file name")
    seed = fresh_seed() if options.rand_seed is None else options.rand_seed
    if options.gesture:
        sounds = stems(stem, options, 1)
        return write_values(stem, sounds, replay(player, read_gesture(options, config), seed)[None], config, options)
    controls = Controls(config, options, length, _prime_steps(options, length, rate), seed)
    state: Any = player.init(seed, controls.batch)
    if (priming := controls.priming()) is not None:
        state = player.prime(state, *priming)
    sounds = stems(stem, options, controls.batch)
    blocks = []
    for first, count in in_blocks(length):
        values, state = player.render(state, controls.block(first, count))
        blocks.append(values)
    values = np.concatenate(blocks, axis=1)
    if options.rand_seed is None:
        log.warning("--rand_seed %d makes the same again", seed)
    return write_values(stem, sounds, values, config, options)


def default_length(options: Generate, config: ModelConfig) -> int:
    """Steps to generate where nobody said: as long as the external array, or `DEFAULT_SECONDS`."""
    seconds, array_rate = DEFAULT_SECONDS, options.external_sr or 0.0
    if options.external_array and options.paramvect == "external" and array_rate > 0:
        seconds = load_array(Path(options.external_array), None, config.tier.prop).shape[1] / array_rate
    return max(round(seconds * config.tier.sample_rate), 1)


def in_blocks(length: int, what: str = "generating", leave: bool = True) -> Iterator[tuple[int, int]]:
    """First step and size of each block of a rendering, behind a progress bar (left on the screen, or not)."""
    with tqdm(total=length, desc=what, unit="step", mininterval=0.5, leave=leave) as bar:
        for first in range(0, length, BLOCK_STEPS):
            count = min(BLOCK_STEPS, length - first)
            yield first, count
            bar.update(count)


def rendered(player: Renderer, conditions: NDArray[Any], what: str, seed: int = 1) -> NDArray[np.float32]:
    """Sounds [B, T] under conditions [B, T, C], behind a progress bar named `what`."""
    state, blocks = player.init(seed, len(conditions)), []
    for first, count in in_blocks(conditions.shape[1], what, leave=False):
        values, state = player.render(state, conditions[:, first : first + count])
        blocks.append(values[..., 0])
    return np.concatenate(blocks, axis=1)


def _open(options: Generate, typed: Mapping[str, Any], sizes: Mapping[str, int | None]) -> tuple[ModelConfig, Playable]:
    """The model of ours that the options name, or of the original, whose sizes are only in `typed`, and its player."""
    pickled = runs.find_original(options.model_dir, options.step)
    if pickled is not None and not runs.steps(pickled.parent):
        from mtcrnn import original

        model = original.load(pickled, {**typed, **sizes})
        return model.config, open_player(options, model.config, model)
    path = runs.find(options.model_dir, options.step)
    config = runs.read_config(path)
    check_agreement(config.tier, config.net, typed)
    check_sizes(config.tier, sizes)
    return config, open_player(options, config, path)


def open_player(options: Generate, config: ModelConfig, source: Path | Model, share: float = 1.0) -> Playable:
    """What renders a model in a folder, or one of the original. Only the reference and the latter need torch.

    Args:
        options: engine, device, precision and temperature.
        config: the model's.
        source: its folder, or the model itself.
        share: of a core's time that it may take where it is played live.
    """
    if options.engine == "torch" or options.device == "cuda":
        from mtcrnn import checkpoint
        from mtcrnn.generation import Player
        from mtcrnn.hardware import choose_device

        device = choose_device(options.device)
        model = checkpoint.load(source) if isinstance(source, Path) else source
        model.module.to(device)
        return Player(model, options.temp)
    from mtcrnn.engine import Engine

    if isinstance(source, Path):
        weights = runs.read_weights(source)
    else:
        weights = {name: tensor.numpy() for name, tensor in source.module.state_dict().items()}
    engine = Engine(config, weights, options.temp, options.precision, share=share)
    if options.precision == "auto" and engine.precision == "int8":
        log.warning("the net is large: its weights are taken as int8 (--precision float32 is exact, and slower)")
    return engine


def _prime_steps(options: Generate, length: int, rate: int) -> int:
    """Steps of priming: `--seq_len` minus `--length`; left out, a quarter of a second of data or one random step."""
    if options.seq_len is not None:
        return max(options.seq_len - length, 0)
    return round(DEFAULT_PRIME_SECONDS * rate) if options.seed or options.data_dir else 1


def write_values(
    stem: Path, sounds: Sequence[Path], values: NDArray[np.float32], config: ModelConfig, options: Generate
) -> list[Path]:
    """Write values [B, T, G]; what stands in the way is kept under another name. Returns the files.

    Sounds go to the names of `sounds` (see `stems`), and with `save` to STEM.npy too; parameters
    to STEM.npy, and with `save_params` to STEM.params or STEM_0.params, ...
    """
    tier = config.tier
    rate = tier.sample_rate
    files: dict[Path, bytes] = {}
    for one, made in zip(sounds, values, strict=True):
        if tier.is_audio:
            files[Path(f"{one}.wav")] = audio.wav_bytes(made[:, 0], rate)
        elif options.save_params:
            files[Path(f"{one}{SUFFIX}")] = _param_file(made, config).text().encode()
    if options.save or not tier.is_audio:
        files[Path(f"{stem}.npy")] = array_bytes(values)
    write_files(files)
    return list(files)


def stems(stem: Path, options: Generate, batch: int) -> list[Path]:
    """The files of the sounds of a batch, without ending: STEM; or STEM_0, STEM_1, ...; or STEM_NAME for each name.

    Raises:
        InputError: a list of names that cannot be read, is of another length, or holds one twice.
    """
    if options.names is None:
        return [stem.with_name(f"{stem.name}_{b}" if batch > 1 else stem.name) for b in range(batch)]
    try:
        names = Path(options.names).read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--names {options.names} cannot be read: {error}") from error
    names = [name.strip() for name in names if name.strip()]
    if len(names) != batch:
        raise InputError(f"--names {options.names} has {len(names)} names for {batch} sounds")
    if len(set(names)) < batch or any("/" in name or "\\" in name for name in names):
        raise InputError(f"--names {options.names}: each name must be there once, and no path")
    return [stem.with_name(f"{stem.name}_{name}") for name in names]


def _param_file(values: NDArray[np.float32], config: ModelConfig) -> ParamFile:
    """Generated parameters [T, G] as a param file that can be plotted, trained on or fed to another tier."""
    times = (np.arange(len(values)) / config.tier.sample_rate).tolist()
    params = {}
    for g, name in enumerate(config.tier.generate):
        known = config.ranges[name]
        units = {"units": known.units} if known.units else {}
        curve = values[:, g].astype(float).tolist()
        params[name] = make_param(times, curve, minval=known.low, maxval=known.high, **units)
    return ParamFile(params, {"generated": True})
