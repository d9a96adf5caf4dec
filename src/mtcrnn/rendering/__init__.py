"""From a model to a sound: players, cascades, streams, conditioning, files, pictures."""
