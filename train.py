import sys

from mtcrnn.compat.commands import train_main

if __name__ == "__main__":
    sys.exit(train_main())
