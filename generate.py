import sys

from mtcrnn.compat import generate_main

if __name__ == "__main__":
    sys.exit(generate_main())
