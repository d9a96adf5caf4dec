"""mtcrnn: recurrent networks that generate sound under parameters you named."""

import os

__version__ = "0.1.0"

# OpenMP's threads wait some microseconds for their next work, then sleep; read when torch is first imported. With no
# wait a net of many small products trains at half its speed; with a long one two programs on the same cores starve each
# other (forty times slower), and the GRU's own threads too. Figures in docs/log.md.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
