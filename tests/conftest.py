import logging
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny nets: a second thread costs more than it gives
logging.getLogger("mtcrnn").setLevel(logging.INFO)  # what caplog sees, as on the command line
