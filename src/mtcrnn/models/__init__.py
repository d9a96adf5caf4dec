"""What a model is: its configuration, its encoding, its net, its distributions."""
