"""Numbers that torch and the engine share."""

STD_FLOOR = 1e-3  # least std of a generated parameter, in shares of its range
COMPONENTS = 3  # normals that a generated parameter's mixture is made of
PHASED_LEAK = 0.001  # openness of a closed unit of a Phased LSTM at the end of its cycle
COLDEST = 1e-30  # a temperature below takes the likeliest value: its inverse would overflow in float32
EDGE = 2.0**-24  # uniforms are kept this far from 0 and 1, where the inverse normal CDF is infinite
