"""The one exception for bad input, and the wording that its messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input from outside: one line that says what is wrong, where, and what would be right.

    It names options in backticks, like `seq_len`. The command line prints it without a traceback, with --seq_len for
    such a name, and exits with code 2.
    """


LONGEST = 280  # characters of a message


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""A message as it may be shown: on one line, without what a terminal would act on, cut in its middle.

    >>> one_line("a\nb\x1b[2J")
    'a\\nb\\x1b[2J'
    >>> one_line("x" * 1000, 9)
    'xxxx...xx'
    """
    if len(text) > longest:
        tail = (longest - 3) // 3
        text = f"{text[: longest - 3 - tail]}...{text[-tail:]}"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def listing(names: Iterable[object], limit: int = 12) -> str:
    """Names on one line, cut after `limit`, for the end of a message.

    >>> listing(["rate", "pitch"])
    'rate, pitch'
    >>> listing([])
    '(none)'
    >>> listing(range(5), limit=3)
    '0, 1, 2, ... (5 in all)'
    """
    words = [str(name) for name in names]
    if not words:
        return "(none)"
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown}, ... ({len(words)} in all)"


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a table: suggests the nearest one and lists the rest.

    >>> str(unknown("net", "gr", ["gru", "mixture"]))
    "unknown net 'gr' (did you mean 'gru'?); known: gru, mixture"
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return InputError(f"unknown {kind} {name!r}{hint}; known: {listing(names, 40)}")
