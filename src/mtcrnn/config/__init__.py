"""All options, each defined once: what a model generates, its net, training, generation; and their defaults."""
