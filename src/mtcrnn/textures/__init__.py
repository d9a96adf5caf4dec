"""Built-in synthetic textures: labelled data sets with known ground truth, for learning and for tests."""

from mtcrnn.textures.dataset import write_texture
from mtcrnn.textures.synths import TEXTURES, Parameter, Texture, describe

__all__ = ["TEXTURES", "Parameter", "Texture", "describe", "write_texture"]
