"""Parameters that say how often a sound repeats: a pitch, a rate, a number of turns. `Tier.period` names them.

`rpm=rpm/30` says that the sound repeats rpm / 30 times per second, `pitch=MIDI` that pitches are MIDI notes. Where only
a name is given, the unit in the data decides.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mtcrnn.core.errors import InputError

if TYPE_CHECKING:  # loads slowly, and not every command needs it
    import numpy as np
    from numpy.typing import NDArray

VALUE = "x"  # in an expression: the parameter's value, if its name is not a word
LONGEST_EXPRESSION = 200  # characters
A4 = f"440*2^(({VALUE}-69)/12)"
UNITS = {  # how often a second, by unit in small letters
    "hz": VALUE,
    "khz": f"1000*{VALUE}",
    "midi": A4,
    "midi note": A4,
    "midi number": A4,
    "rpm": f"{VALUE}/60",
    "turns/min": f"{VALUE}/60",
    "bpm": f"{VALUE}/60",
    "beats/min": f"{VALUE}/60",
    "events/s": VALUE,
    "1/s": VALUE,
    "/s": VALUE,
    "s": f"1/{VALUE}",
    "ms": f"1000/{VALUE}",
}
# though in Hz, or events per second
NO_PERIOD = {"centroid", "brightness", "bandwidth", "rolloff", "cutoff", "centre", "center", "density"}
NO_EXPRESSION = "none"  # of a parameter that says no period, whatever its unit
PERIODS = "periods"  # in the `meta` of a param file: expressions by parameter


class Rpn(IntEnum):
    """A step of an expression in reverse Polish notation."""

    NOTHING = 0
    NUMBER = 1
    VALUE = 2
    NEGATE = 3
    ADD = 4
    SUBTRACT = 5
    MULTIPLY = 6
    DIVIDE = 7
    POWER = 8


_NODES: dict[type, Rpn] = {
    ast.Add: Rpn.ADD,
    ast.Sub: Rpn.SUBTRACT,
    ast.Mult: Rpn.MULTIPLY,
    ast.Div: Rpn.DIVIDE,
    ast.Pow: Rpn.POWER,
}
_OPERATIONS: dict[Rpn, Callable[[Any, Any], Any]] = {
    Rpn.ADD: operator.add,
    Rpn.SUBTRACT: operator.sub,
    Rpn.MULTIPLY: operator.mul,
    Rpn.DIVIDE: operator.truediv,
    Rpn.POWER: operator.pow,
}


def expression_of(name: str, units: str | None, known: object, auto: bool) -> str | None:
    """How often a second the sound repeats, from what a param file says of a parameter; None if it does not repeat.

    Args:
        name: of the parameter.
        units: its unit.
        known: expressions by name, from the file's `meta`.
        auto: not asked for by name, so that what is in Hz without being a pitch is left out.
    """
    if isinstance(known, dict) and isinstance(known.get(name), str):
        return None if known[name] == NO_EXPRESSION else str(known[name])
    if units is None or (auto and name.casefold() in NO_PERIOD):
        return None
    return UNITS.get(units.casefold().strip())


@dataclass(frozen=True)
class Period:
    """A parameter that says how often the sound repeats.

    Args:
        name: of the parameter.
        expression: how often per second: a unit, one of `UNITS`, or numbers, the parameter's name or x, + - * / ^ and
            brackets.

    Raises:
        InputError: an expression that cannot be read.
    """

    name: str
    expression: str

    def __post_init__(self) -> None:
        """Check the expression."""
        try:
            if len(self.expression) > LONGEST_EXPRESSION:
                raise ValueError(f"it is longer than {LONGEST_EXPRESSION} characters")
            self._check(self._tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            why = str(error) if type(error) is ValueError else "that is no expression"
            shown = f"{self.name}={self.expression[:LONGEST_EXPRESSION]}"
            raise InputError(
                f"`period` {shown}: {why}; write its unit (MIDI, rpm) or how often per second (x/60, 4*8^x)"
            ) from error

    @classmethod
    def parse(cls, text: str) -> Period:
        """From NAME=EXPRESSION."""
        name, _, expression = text.partition("=")
        return cls(name, expression)

    def hertz(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often the sound repeats per second at these values; 0 where it does not: at 0, below, or not finite."""
        import numpy as np

        stack: list[Any] = []
        with np.errstate(all="ignore"):  # arrays, whose arithmetic makes infinities, not errors
            for step, number in self.steps:
                if step in _OPERATIONS:
                    right, left = stack.pop(), stack.pop()
                    stack.append(_OPERATIONS[step](left, right))
                elif step == Rpn.NEGATE:
                    stack.append(-stack.pop())
                else:
                    stack.append(np.full(values.shape, number) if step == Rpn.NUMBER else np.asarray(values, float))
        found = stack[0]
        return np.where(np.isfinite(found) & (found > 0), found, 0.0)

    @cached_property
    def steps(self) -> list[tuple[Rpn, float]]:
        """The expression in reverse Polish notation, each step with its number."""
        return self._steps(self._tree)

    @cached_property
    def _tree(self) -> ast.expr:
        text = UNITS.get(self.expression.casefold().strip(), self.expression)
        return ast.parse(text.replace("^", "**").strip(), mode="eval").body

    def _check(self, node: ast.expr) -> None:
        """Raise ValueError for what is not arithmetic with the parameter."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                float(number)
            case ast.Name(id=word) if word in (self.name, VALUE):
                pass
            case ast.Name(id=word):
                raise ValueError(f"{word} is not known")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self._check(operand)
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _NODES:
                self._check(left)
                self._check(right)
            case _:
                raise ValueError(f"{ast.unparse(node)} is not a number, the parameter, or + - * / ^ of them")

    def _steps(self, node: ast.expr) -> list[tuple[Rpn, float]]:
        match node:
            case ast.Constant(value=int() | float() as number):
                return [(Rpn.NUMBER, float(number))]
            case ast.UnaryOp(operand=operand):
                return [*self._steps(operand), (Rpn.NEGATE, 0.0)]
            case ast.BinOp(left=left, op=operation, right=right):
                return [*self._steps(left), *self._steps(right), (_NODES[type(operation)], 0.0)]
        return [(Rpn.VALUE, 0.0)]
