"""`InputError`, the one exception for bad input, and helpers that word its messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input from outside: one line that says what is wrong, where, and what would be right.

    It names options in backticks, like `seq_len`. The command line prints it without a traceback, shows such a name as
    --seq_len, and exits with code 2.
    """


LONGEST = 280  # characters in a message


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""A message that is safe to show: on one line, control characters escaped, its middle cut out if it is too long.

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
    """Names joined on one line, for the end of a message; cut after `limit` names.

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
    """The error for a name that is not in a table: it suggests the closest name and lists the known ones.

    >>> str(unknown("net", "gr", ["gru", "mixture"]))
    "unknown net 'gr' (did you mean 'gru'?); known: gru, mixture"
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return InputError(f"unknown {kind} {name!r}{hint}; known: {listing(names, 40)}")
