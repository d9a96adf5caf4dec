"""Every option, once: what a model generates, its net, how to train, how to generate."""
