"""Models as one HTML file that plays in a browser: it asks no other address for anything."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import html
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from mtcrnn.core.errors import InputError, listing, unknown
from mtcrnn.core.files import keep_previous, write_text
from mtcrnn.rendering.stream import MOST_LIVE_TEMPERATURE
from mtcrnn.runs import folders
from mtcrnn.runs.packing import Texts, is_packed, read_about
from mtcrnn.runs.recipe import read_recipe
from mtcrnn.web.image import image_of
from mtcrnn.web.making import voice_of

RECIPE = ".toml"
# each after those that it imports
MODULES = "graph", "timing", "voice", "parameters", "pad", "visualiser", "takes", "local", "app", "page"
WORKLET = "resampler", "voice", "voice_worklet"
WORD = 4  # bytes
PRECISIONS = {16: "int16", 32: "float32"}  # by bits of a weight


def export(sources: Sequence[Path], page: Path, texts: Texts | None = None, bits: int = 16, step: int = 0) -> int:
    """Write a page that plays models. Returns its size in bytes; a page that was there is kept under another name.

    Args:
        sources: runs or models, or recipes with one tier.
        page: the file, .html.
        texts: what it says of them.
        bits: of each weight: 16 (`precision` int16, which is also faster) or 32 (float32).
        step: which saved step; 0 the newest.

    Raises:
        InputError: no such model, one that generates no sound, two of one name, or a file that cannot be written.
    """
    if bits not in PRECISIONS:
        raise unknown("bits", str(bits), [str(each) for each in PRECISIONS])
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{page}: a page's name ends in .html")
    texts = texts or Texts()
    models = [model_data(_found(source, step), PRECISIONS[bits], texts) for source in sources]
    names = [model["name"] for model in models]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise InputError(f"two models are called {listing(sorted(repeated))}: a page needs different names")
    content = page_of(models, texts)
    keep_previous(page)
    write_text(page, content)
    return len(content.encode())


def page_of(models: Sequence[Mapping[str, Any]], texts: Texts) -> str:
    """The page of models as `model_data` gives them."""
    folder = files("mtcrnn.web") / "page"
    data = {
        "engine": engine_data(),
        "worklet": _bundle(folder, WORKLET),
        "models": models,
    }
    script, style = _bundle(folder, MODULES), (folder / "style.css").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}' 'wasm-unsafe-eval' data: blob:; style-src '{_hash(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    head = [
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<style>{style}</style>",
        f'<script type="application/json" id="data">{json.dumps(data).replace("<", chr(92) + "u003c")}</script>',
        f'<script type="module">{script}</script>',
    ]
    skeleton = (folder / "index.html").read_text("utf-8")
    skeleton = re.sub(
        r"<title>.*</title>", lambda _: f"<title>{html.escape(texts.title or 'mtcrnn')}</title>", skeleton
    )
    own = re.compile(r"<link rel=\"stylesheet\".*\n<script .*</script>")
    return own.sub(lambda _: "\n".join(head), skeleton)


def engine_data() -> str:
    """The engine as a page's script reads it."""
    return _packed((files("mtcrnn.web") / "voice.wasm").read_bytes())


def model_data(found: Path, precision: str, texts: Texts | None = None) -> dict[str, Any]:
    """A model in a model_STEP folder, or a packed one, as a page's script reads it, see `local.js`.

    Args:
        found: where it is.
        precision: of its weights, float32 or int16.
        texts: what the page says of it, over what a packed model says of itself.

    Raises:
        InputError: it cannot be read, or generates no sound.
    """
    config, weights = folders.read_config(found), folders.read_weights(found)
    own = read_about(found).texts if is_packed(found) else Texts()
    image = image_of(voice_of(config, weights, 0, precision))
    tier = config.tier
    data = image.data + bytes(-len(image.data) % WORD)
    name = folders.name_of(found)
    return {
        "name": name,
        **dataclasses.asdict((texts or Texts()).over(own)),
        "sample_rate": tier.sample_rate,
        "channels": tier.sound_channels,
        "bands": tier.bands,
        "controls": [{"name": each, **dataclasses.asdict(config.ranges[each])} for each in tier.prop],
        "most_temperature": MOST_LIVE_TEMPERATURE,
        "command": f"mtcrnn generate --model_dir {shlex.quote(name)} --precision {precision}",
        "planes": _packed(b"".join(data[k::WORD] for k in range(WORD))),
        "pages": image.pages,
        "table": image.table,
        "count": image.count,
        "addresses": image.addresses,
    }


def _found(source: Path, step: int) -> Path:
    """The folder of a model, or of the only tier of a recipe."""
    if source.suffix != RECIPE:
        return folders.find(str(source), step)
    recipe = read_recipe(source)
    if len(recipe.tiers) > 1:
        raise InputError(
            f"{source} has {len(recipe.tiers)} tiers: a page plays models of one tier (mtcrnn play plays it)"
        )
    return folders.find(str(recipe.audio().folder), step)


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _bundle(folder: Any, names: Sequence[str]) -> str:
    """Modules as one: without what they import from each other."""
    sources = [(folder / f"{name}.js").read_text("utf-8") for name in names]
    plain = re.sub(r"^import .*\n", "", "\n".join(sources), flags=re.MULTILINE)
    return re.sub(r"^export ", "", plain, flags=re.MULTILINE)
