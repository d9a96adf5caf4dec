"""The `mtcrnn` command, also as `python -m mtcrnn`."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C is one line from the first import on."""
    try:
        from mtcrnn.cli import main as cli

        return cli.main()
    except KeyboardInterrupt:
        print("mtcrnn: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
