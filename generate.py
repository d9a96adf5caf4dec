import sys

from mtcrnn.compat.commands import generate_main

if __name__ == "__main__":
    sys.exit(generate_main())
