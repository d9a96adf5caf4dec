"""mtcrnn: recurrent networks that generate sound under parameters you named."""

import os

__version__ = "0.1.0"

# OpenMP's threads wait a moment for their next work (a millisecond or less), then sleep; read when torch is first
# imported. Without the wait a net of many small products trains at half its speed; threads that never sleep take the
# cores from the GRU's own threads, and from other programs. Figures in docs/log.md.
os.environ.setdefault("GOMP_SPINCOUNT", "100000")
