"""Training as a step of a command that makes a whole instrument: what is there of an earlier call is used again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtcrnn.cli.common import say
from mtcrnn.core.errors import InputError, listing


def train_once(number: str, what: str, out: Path, prop: Sequence[str], options: Mapping[str, Any]) -> None:
    """Train in the folder `out`, or continue, unless training is finished; says which.

    Args:
        number: of the step, as it is said.
        what: how it is trained, for a new run.
        out: folder of the run.
        prop: the parameters.
        options: of training, by name, but for its output folder.

    Raises:
        InputError: the run that is there has other parameters; as training.
    """
    from mtcrnn.runs import folders
    from mtcrnn.training.options import completed
    from mtcrnn.training.run import is_over, resume, train

    folder = str(out.absolute())
    if not folders.steps(out / "model"):
        say(f"{number} training {what}")
        train(*completed({"prop": tuple(prop)}, {}, {**options, "output_dir": folder}))
        return
    path = folders.find(folder)
    trained = folders.read_config(path).tier.prop
    if set(trained) != set(prop):
        raise InputError(f"the model in {out} has the parameters {listing(trained)}: --out names another folder")
    if is_over(path):
        say(f"{number} using the model that is already in {out} (remove that folder to train again)")
    else:
        say(f"{number} continuing the unfinished training in {out}")
        resume(folder, 0, {}, {}, {})
