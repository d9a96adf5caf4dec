"""Built-in textures: data sets with known ground truth, to learn on and to test against."""

from mtcrnn.textures.dataset import write_texture
from mtcrnn.textures.synths import TEXTURES, Knob, Texture, describe

__all__ = ["TEXTURES", "Knob", "Texture", "describe", "write_texture"]
