"""Models: configuration, encoding, net and distribution."""
