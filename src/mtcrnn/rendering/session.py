"""From a model on disk and a player's options to files: the work behind `mtcrnn generate`."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn.config.agreement import check_agreement, check_sizes
from mtcrnn.config.generate import MOST_LENGTH, Generate
from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import fresh_seed
from mtcrnn.core.validation import read_text
from mtcrnn.data.dataset import make_param
from mtcrnn.data.params import SUFFIX, ParamFile
from mtcrnn.models.config import ModelConfig
from mtcrnn.rendering.conditioning import load_array
from mtcrnn.rendering.controls import Controls, read_gesture
from mtcrnn.rendering.player import Playable, Renderer
from mtcrnn.rendering.stream import Stream, replay
from mtcrnn.rendering.write import Values, stem_of, taking
from mtcrnn.runs import folders

if TYPE_CHECKING:
    from mtcrnn.models.model import Model

log = logging.getLogger(__name__)

BLOCK_STEPS = 1000  # rendered between two updates of the progress bar
DEFAULT_SECONDS, DEFAULT_PRIME_SECONDS = 10.0, 0.25
DEFAULT_NAME = "generated"
MOST_SAVED = 1_000_000  # values in a param file


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
    if options.save_params and config.tier.is_audio:
        raise InputError("--save_params is for tiers that generate parameters; this one generates audio")
    stem = stem_of(options.out, DEFAULT_NAME)
    seed = fresh_seed() if options.rand_seed is None else options.rand_seed
    if options.gesture:
        return write_gesture(stem, player, options, seed)
    length = options.length or default_length(options, config)
    controls = Controls(config, options, length, _prime_steps(options, length, config.tier.sample_rate), seed)
    sounds = stems(stem, options, controls.batch)
    state: Any = player.init(seed, controls.batch)
    if (priming := controls.priming()) is not None:
        state = player.prime(state, *priming)
    files = _write_values(stem, sounds, played(player, state, length, controls.block), length, config, options)
    if options.rand_seed is None:
        log.warning("--rand_seed %d makes the same again", seed)
    return files


def default_length(options: Generate, config: ModelConfig) -> int:
    """Steps to generate where nobody said: as long as the external array, or `DEFAULT_SECONDS`."""
    rate = config.tier.sample_rate
    if options.external_array and options.paramvect == "external" and options.external_sr:
        rows = load_array(Path(options.external_array), None, config.tier.prop).shape[1]
        seconds = rows / options.external_sr
        return whole_steps(seconds * rate, f"{options.external_array} lasts {seconds:g} s")
    return max(round(DEFAULT_SECONDS * rate), 1)


def whole_steps(steps: float, what: str) -> int:
    """A length in steps, rounded. Raises InputError where it is none, or more than `MOST_LENGTH`; `what` was asked."""
    if not 0 < steps <= MOST_LENGTH:
        raise InputError(f"{what}; it must be above 0, and {MOST_LENGTH} steps at most")
    return max(round(steps), 1)


def in_blocks(length: int, what: str = "generating", leave: bool = True) -> Iterator[tuple[int, int]]:
    """First step and size of each block of a rendering, behind a progress bar (left on the screen, or not)."""
    with tqdm(total=length, desc=what, unit="step", mininterval=0.5, leave=leave) as bar:
        for first in range(0, length, BLOCK_STEPS):
            count = min(BLOCK_STEPS, length - first)
            yield first, count
            bar.update(count)


def played(
    player: Renderer,
    state: Any,
    length: int,
    conditions: Callable[[int, int], NDArray[Any]],
    what: str = "generating",
    leave: bool = True,
) -> Generator[NDArray[np.float32], None, None]:
    """Values [B, n, G], block by block, under conditions [B, n, C] of n steps from a first one; see `in_blocks`."""
    for first, count in in_blocks(length, what, leave):
        values, state = player.render(state, conditions(first, count))
        yield values


def rendered(player: Renderer, conditions: NDArray[Any], what: str, seed: int = 1) -> NDArray[np.float32]:
    """Sounds [B, T] under conditions [B, T, C], behind a progress bar named `what`."""
    length, state = conditions.shape[1], player.init(seed, len(conditions))
    blocks = played(player, state, length, lambda first, n: conditions[:, first : first + n], what, leave=False)
    return np.concatenate([values[..., 0] for values in blocks], axis=1)


def _open(options: Generate, typed: Mapping[str, Any], sizes: Mapping[str, int | None]) -> tuple[ModelConfig, Playable]:
    """The model of ours that the options name, or of the original, whose sizes are only in `typed`, and its player."""
    pickled = folders.find_original(options.model_dir, options.step)
    if pickled is not None and not folders.steps(pickled.parent):
        from mtcrnn.runs import original

        model = original.load(pickled, {**typed, **sizes})
        return model.config, open_player(options, model.config, model)
    path = folders.find(options.model_dir, options.step)
    config = folders.read_config(path)
    check_agreement(config.tier, config.net, typed)
    check_sizes(config.tier, sizes)
    return config, open_player(options, config, path)


def open_player(
    options: Generate, config: ModelConfig, source: Path | Model, share: float = 1.0, threads: int | None = None
) -> Playable:
    """What renders a model in a folder, or one of the original. Only the reference and the latter need torch.

    Args:
        options: engine, device, precision and temperature.
        config: the model's.
        source: its folder, or the model itself.
        share: of a core's time that it may take where it is played live.
        threads: most cores that the engine takes; None: all.
    """
    if options.engine == "torch" or options.device == "cuda":
        from mtcrnn.models.devices import choose_device
        from mtcrnn.rendering.torch_player import Player
        from mtcrnn.runs import checkpoint

        device = choose_device(options.device)
        model = checkpoint.load(source) if isinstance(source, Path) else source
        model.module.to(device)
        return Player(model, options.temp)
    from mtcrnn.engine import Engine

    if isinstance(source, Path):
        weights = folders.read_weights(source)
    else:
        weights = {name: tensor.numpy() for name, tensor in source.module.state_dict().items()}
    engine = Engine(config, weights, options.temp, options.precision, threads, share)
    if options.precision == "auto" and engine.precision == "int8":
        log.warning("the net is large: its weights are taken as int8 (--precision float32 is exact, and slower)")
    return engine


def _prime_steps(options: Generate, length: int, rate: int) -> int:
    """Steps of priming: `--seq_len` minus `--length`; left out, a quarter of a second of data or one random step."""
    if options.seq_len is not None:
        return max(options.seq_len - length, 0)
    return round(DEFAULT_PRIME_SECONDS * rate) if options.seed or options.data_dir else 1


def write_gesture(stem: Path, player: Renderer, options: Generate, seed: int) -> list[Path]:
    """Render the gesture that `options` name, as it was played, and write it; see `_write_values`."""
    if not player.config.tier.is_audio:
        raise InputError("--gesture is of what was played live: sound, but this tier generates parameters")
    gesture = read_gesture(options, player.config)
    stream = Stream(player, seed)
    length = whole_steps((gesture.shape[1] - 1) * stream.block_size, f"{options.gesture} has {gesture.shape[1]} rows")
    return _write_values(stem, stems(stem, options, 1), replay(stream, gesture), length, player.config, options)


def _write_values(
    stem: Path,
    sounds: Sequence[Path],
    blocks: Generator[NDArray[np.float32], None, None],
    length: int,
    config: ModelConfig,
    options: Generate,
) -> list[Path]:
    """Write values [B, length, G] that come in blocks [B, n, G]. Returns the files.

    Sounds go to the names of `sounds` (see `stems`), and with `save` to STEM.npy too; parameters
    to STEM.npy, and with `save_params` to STEM.params or STEM_0.params, ... All of them appear at the end, or none;
    what stands in the way is kept under another name.
    """
    tier = config.tier
    shape = (len(sounds), length, len(tier.generate))
    if options.save_params and length * shape[2] > MOST_SAVED:
        raise InputError(f"--save_params: {length} steps are too long for a param file; {MOST_SAVED} values at most")
    ending = ".wav" if tier.is_audio else SUFFIX if options.save_params else None
    files = [Path(f"{one}{ending}") for one in sounds if ending]
    array = Path(f"{stem}.npy")
    kept = [array] if options.save or not tier.is_audio else []
    with taking([*files, *kept]) as new, Values(new / array.name, shape) as values, closing(blocks):
        for block in blocks:
            values.append(block)
        for b, path in enumerate(files):
            if tier.is_audio:
                values.write_wav(b, new / path.name, tier.sample_rate)
            else:
                _param_file(np.concatenate([*values.sound(b)]), config).write(new / path.name)
    return [*files, *kept]


def stems(stem: Path, options: Generate, batch: int) -> list[Path]:
    """The files of the sounds of a batch, without ending: STEM; or STEM_0, STEM_1, ...; or STEM_NAME for each name.

    Raises:
        InputError: a list of names that cannot be read, is of another length, or holds one twice.
    """
    if options.names is None:
        return [stem.with_name(f"{stem.name}_{b}" if batch > 1 else stem.name) for b in range(batch)]
    names = [name.strip() for name in read_text(Path(options.names)).split("\n") if name.strip()]
    if len(names) != batch:
        raise InputError(f"--names {options.names} has {len(names)} names for {batch} sounds")
    spelt = {unicodedata.normalize("NFC", name) for name in names}  # what some disks take for the same is the same
    if len(spelt) < batch or any("/" in name or "\\" in name or not name.isprintable() for name in names):
        raise InputError(f"--names {options.names}: each name must be there once, and fit into a file's name")
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
