"""`python -m mtcrnn` is the `mtcrnn` command."""

import sys

from mtcrnn.cli import main

sys.exit(main())
