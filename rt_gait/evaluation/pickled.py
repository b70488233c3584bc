"""Reading numpy arrays out of pickle files without unpickling them.

A pickle is a program, and running one from elsewhere can do anything. OpenGait's data sets are
pickles all the same, each of one array. So their few instructions are interpreted here: values
go on a stack, names are compared with a short list and never imported, and whatever an array's
pickle (protocols 2 to 5, numpy 1 or 2) does not need ends the reading.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import DamagedInputError, SourceOpenError

_MOST_INSTRUCTIONS = 200
"""An array takes about sixty; a longer program is something else."""
_TYPES = frozenset({"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"})
_MARK = object()


class _UnexpectedError(Exception):
    """The pickle holds something that an array's does not; says what."""


@dataclass(frozen=True)
class _Name:
    """A function or class that the pickle names; only its name is ever looked at."""

    text: str


@dataclass
class _Type:
    """A number type under construction."""

    code: str
    order: str = "<"

    def build(self, state: Any) -> None:
        """Take the byte order from ``numpy.dtype``'s state."""
        if not (isinstance(state, tuple) and len(state) >= 2 and state[1] in ("|", "<", ">", "=")):
            raise _UnexpectedError("a number type of an unknown state")
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        """Return the finished type."""
        return np.dtype(self.order + self.code)


@dataclass
class _Array:
    """An array under construction."""

    finished: npt.NDArray[Any] | None = None

    def build(self, state: Any) -> None:
        """Fill it from ``numpy.ndarray``'s state: version, shape, type, column order, bytes."""
        if not (isinstance(state, tuple) and len(state) == 5):
            raise _UnexpectedError("an array of an unknown state")
        _, shape, kind, columns_first, data = state
        self.finished = _from_bytes(data, kind, shape, "F" if columns_first is True else "C")


def _from_bytes(data: Any, kind: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    if isinstance(data, list):
        raise _UnexpectedError("an array of objects")
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not (isinstance(data, bytes | bytearray) and isinstance(kind, _Type) and whole):
        raise _UnexpectedError("an array of unknown parts")
    try:
        return np.frombuffer(data, kind.dtype()).reshape(shape, order="F" if order == "F" else "C")
    except (ValueError, OverflowError):
        raise _UnexpectedError("an array that does not fit its shape") from None


def _type(arguments: tuple[Any, ...]) -> _Type:
    code = arguments[0] if arguments else None
    if isinstance(code, str) and code in _TYPES:
        return _Type(code)
    raise _UnexpectedError("an array of something other than numbers")


def _encoded(arguments: tuple[Any, ...]) -> bytes:
    text = arguments[0] if len(arguments) == 2 and arguments[1] == "latin1" else None
    if not isinstance(text, str):
        raise _UnexpectedError("text in an unknown encoding")
    return text.encode("latin1")


def _no_bytes(arguments: tuple[Any, ...]) -> bytes:
    if arguments:
        raise _UnexpectedError("bytes made of something else")
    return b""


def _from_buffer(arguments: tuple[Any, ...]) -> _Array:
    if len(arguments) != 4:
        raise _UnexpectedError("an array of unknown parts")
    return _Array(_from_bytes(*arguments))


_CALLS: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "numpy.core.multiarray _reconstruct": lambda _: _Array(),
    "numpy._core.multiarray _reconstruct": lambda _: _Array(),
    "numpy.core.numeric _frombuffer": _from_buffer,
    "numpy._core.numeric _frombuffer": _from_buffer,
    "numpy dtype": _type,
    "_codecs encode": _encoded,
    "__builtin__ bytes": _no_bytes,
}
_NAMES = frozenset({*_CALLS, "numpy ndarray"})
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1")
_TEXTS = ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT, _GET = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")
_IGNORED = ("PROTO", "FRAME", "STOP")


class _Interpreter:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self.stack.append(_MARK),
            "TUPLE": lambda _: self._gather(),
            "GLOBAL": self._name,
            "STACK_GLOBAL": lambda _: self._name(" ".join(map(_text, self._pop(2)))),
            "REDUCE": lambda _: self._call(),
            "BUILD": lambda _: self._build(),
            "MEMOIZE": lambda _: self._memo.__setitem__(len(self._memo), self.stack[-1]),
        }
        self._steps |= dict.fromkeys((*_NUMBERS, *_TEXTS, *_BYTES), self.stack.append)
        self._steps |= dict.fromkeys(_IGNORED, lambda _: None)
        self._steps |= dict.fromkeys(_PUT, lambda key: self._memo.__setitem__(key, self.stack[-1]))
        self._steps |= dict.fromkeys(_GET, lambda key: self.stack.append(self._memo[key]))
        for name, value in _CONSTANTS.items():
            self._steps[name] = partial(self._push, value)
        for name, size in _TUPLES.items():
            self._steps[name] = partial(self._pack, size)

    def step(self, instruction: str, argument: Any) -> None:
        """Carry out one instruction."""
        if instruction not in self._steps:
            raise _UnexpectedError(f"the instruction {instruction}")
        self._steps[instruction](argument)

    def _push(self, value: Any, _: Any) -> None:
        self.stack.append(value)

    def _pack(self, size: int, _: Any) -> None:
        self.stack.append(tuple(self._pop(size)))

    def _pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise _UnexpectedError("an empty stack")
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def _gather(self) -> None:
        taken: list[Any] = []
        while (value := self._pop(1)[0]) is not _MARK:
            taken.append(value)
        self.stack.append(tuple(reversed(taken)))

    def _name(self, text: str) -> None:
        if text not in _NAMES:
            raise _UnexpectedError(f"the name {text.replace(' ', '.')[:80]!r}")
        self.stack.append(_Name(text))

    def _call(self) -> None:
        called, arguments = self._pop(2)
        if not (isinstance(called, _Name) and called.text in _CALLS):
            raise _UnexpectedError("a call of something that is no function of numpy's")
        if not isinstance(arguments, tuple):
            raise _UnexpectedError("a call without arguments")
        self.stack.append(_CALLS[called.text](arguments))

    def _build(self) -> None:
        target, state = self._pop(2)
        if not isinstance(target, _Array | _Type):
            raise _UnexpectedError("the state of something that is no array")
        target.build(state)
        self.stack.append(target)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _UnexpectedError("a name that is no text")
    return value


def read_pickled_array(path: Path) -> npt.NDArray[Any]:
    """Read the array of numbers that a pickle file holds; nothing of it is executed.

    Raises:
        SourceOpenError: the file cannot be read.
        DamagedInputError: it is no pickle of one array of numbers; says what was found.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceOpenError(f"cannot read the file ({error.strerror}): {path}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of odd escapes in names
            return _interpreted(data)
    except _UnexpectedError as error:
        found = str(error)
    except (ValueError, IndexError, KeyError, Warning):
        found = "no whole pickle"
    raise DamagedInputError(f"expected a pickled numpy array of numbers, found {found}: {path}")


def _interpreted(data: bytes) -> npt.NDArray[Any]:
    interpreter = _Interpreter()
    for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
        if count >= _MOST_INSTRUCTIONS:
            raise _UnexpectedError("a long program")
        interpreter.step(instruction.name, argument)
    (result,) = interpreter.stack
    if not (isinstance(result, _Array) and result.finished is not None):
        raise _UnexpectedError("no array")
    return result.finished
