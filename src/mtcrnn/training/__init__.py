"""From labelled sounds to a model."""
