"""mtcrnn: recurrent networks that generate sound under parameters you named."""

__version__ = "0.1.0"
