"""Numerical constants that the torch models and the engine share."""

STD_FLOOR = 1e-3  # least std of a generated parameter, as a fraction of its range
COMPONENTS = 3  # normals in the mixture of a generated parameter
PHASED_LEAK = 0.001  # openness of a closed unit of a Phased LSTM at the end of its cycle (alpha in the paper)
LEAST_TEMPERATURE = 1e-30  # below it the likeliest code is taken: the inverse would overflow in float32
EDGE = 2.0**-24  # uniforms are kept this far from 0 and 1, where the inverse normal CDF is infinite
RECENT_STEPS = 12  # that the linear layer of each step of the sub-band net reads
BAND_SIZE = 64  # units of a band's own layer in the sub-band net
