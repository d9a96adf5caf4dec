"""mtcrnn: recurrent networks that generate sound under parameters you named."""

import os

__version__ = "0.1.0"

# OpenMP's threads must sleep when they wait, not spin (read when torch is first imported): the GRU's own threads
# need the cores (training ran 1.5 times slower without this), and a second program on the machine needs them too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
