"""What a pickle would do when it is loaded, found out without doing it.

A pickle is a program: it pushes values, names classes, has them made and filled. This walks through the
program and keeps of each value only what kind it is. So it is known before anything runs that nothing but
known classes is made, nothing but known functions is called and with nothing but what they are made for, no
attribute of a class is changed, and no number in it asks for memory that the bytes themselves do not have.

References
----------
Python's `pickletools`, which describes each operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["Name", "Names", "check"]

Name = tuple[str, str]
"""Module, and qualified name in it."""

MOST_IN_TUPLE = 10_000
"""Values in a tuple, those of tuples in it counted each time: a few bytes could have it hashed for years."""


@dataclass(frozen=True)
class Names:
    """What a pickle may name.

    Parameters
    ----------
    made : set of Name
        Classes it may make objects of, without arguments.
    called : set of Name
        What it may call; what comes of it may get items, but no other state.
    restored : set of Name
        What it may call to have an object that then gets its state.
    mentioned : set of Name
        What it may only refer to.
    arguments : mapping of Name to set of tuple
        What each of the called and restored may be given: kinds of arguments, each of them one or several
        with ``|`` between. Kinds are ``value`` (a number, None, bytes), ``text`` (a short one), ``list``,
        ``dict``, ``set``, ``tuple``, ``name``, ``object`` (of a class), and the name of what was called.
    """

    made: Set[Name]
    called: Set[Name]
    restored: Set[Name]
    mentioned: Set[Name]
    arguments: Mapping[Name, Set[tuple[str, ...]]]

    def __contains__(self, name: object) -> bool:
        return any(name in names for names in (self.made, self.called, self.restored, self.mentioned))


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """What is known of a value: its kind, and how it may be filled."""

    name: str
    filled_by: Set[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class _Tuple:
    """What is known of a tuple: how many values it has, with those in tuples in it, and its own."""

    size: int
    values: tuple[Any, ...]


_PROTO, _FRAME, _STOP, _MEMOIZE = 0x80, 0x95, ord("."), 0x94
_MARK, _POP, _POP_MARK = ord("("), ord("0"), ord("1")
_GET, _LONG_GET = ord("h"), ord("j")
_SHORT_TEXT, _EMPTY_TUPLE, _TUPLE = 0x8C, ord(")"), ord("t")
_STACK_GLOBAL, _NEWOBJ, _REDUCE, _BUILD = 0x93, 0x81, ord("R"), ord("b")
_APPEND, _APPENDS, _SETITEM, _SETITEMS, _ADDITEMS = ord("a"), ord("e"), ord("s"), ord("u"), 0x90
_AS_LIST, _AS_DICT = frozenset([_APPEND, _APPENDS]), frozenset([_SETITEM, _SETITEMS])

# Of a short text its bytes are kept, a name as it is, of an object that may get its state a list, empty once
# it has it (a second state could call what the first brought in).
_VALUE = _Kind("value")
_NO_VALUES = _Tuple(0, ())

_VALUES = {
    **dict.fromkeys(b"N\x88\x89", 1),  # None, True, False
    ord("K"): 2,
    ord("M"): 3,
    ord("J"): 5,
    ord("G"): 9,
}
"""Operations that push a value → their length."""

_COUNTED = {0x8A: 1, 0x8B: 4, ord("X"): 4, 0x8D: 8, ord("C"): 1, ord("B"): 4, 0x8E: 8}
"""Operations that push a number, text or bytes → length of the number that says how many bytes follow."""

_EMPTY = {
    ord("]"): _Kind("list", _AS_LIST),
    ord("}"): _Kind("dict", _AS_DICT),
    0x8F: _Kind("set", frozenset([_ADDITEMS])),
}
_FILLED = {
    "deque": _AS_LIST,
    "Counter": _AS_DICT,
    "defaultdict": _AS_DICT,
    "VectorDict": _AS_DICT,
}
"""What comes of calls and may be filled → how."""

_SHORT_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}


def check(data: bytes, names: Names) -> None:
    """Accept a pickle that does nothing but make, fill and call what it may.

    Raises
    ------
    SnapshotError
        If it would do anything else, or is damaged.
    """
    try:
        _Walk(data, names).run()
    except (IndexError, TypeError, ValueError) as error:
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError(f"model of {len(data)} bytes is damaged: {error}") from error


class _Walk:
    """A walk through one pickle."""

    def __init__(self, data: bytes, names: Names) -> None:
        if data[:2] != b"\x80\x05":
            raise SnapshotError(f"no model: {len(data)} bytes, beginning with {data[:4]!r}")
        self._data = data
        self._names = names
        self._stack: list[Any] = []
        self._memo: list[Any] = []
        self._marks: list[int] = []
        self._place = 2

    def run(self) -> None:
        """Walk to the end."""
        # The operations of nearly every step are written out here: a forest has millions.
        data, stack, memo, marks, place = self._data, self._stack, self._memo, self._marks, self._place
        while True:
            operation = data[place]
            if operation in _VALUES:
                stack.append(_VALUE)
                place += _VALUES[operation]
            elif operation == _GET:
                stack.append(memo[data[place + 1]])
                place += 2
            elif operation == _MEMOIZE:
                memo.append(stack[-1])
                place += 1
            elif operation == _SHORT_TEXT:
                end = place + 2 + data[place + 1]
                stack.append(data[place + 2 : end])
                place = end
            elif operation == _MARK:
                marks.append(len(stack))
                place += 1
            elif operation == _LONG_GET:
                stack.append(memo[int.from_bytes(data[place + 1 : place + 5], "little")])
                place += 5
            elif operation in _EMPTY:
                stack.append(_EMPTY[operation])
                place += 1
            elif operation == _STOP:
                break
            else:
                self._place = place
                self._step(operation)
                place = self._place
        if place + 1 != len(data) or len(stack) != 1 or marks:
            raise SnapshotError(f"model of {len(data)} bytes is damaged: it ends at byte {place}")

    def _step(self, operation: int) -> None:
        """Take one of the rarer steps."""
        stack = self._stack
        self._place += 1
        if operation == _EMPTY_TUPLE:
            stack.append(_NO_VALUES)
        elif operation in _SHORT_TUPLES:
            self._tuple(len(stack) - _SHORT_TUPLES[operation])
        elif operation == _TUPLE:
            self._tuple(self._marks.pop())
        elif operation in (_SETITEMS, _APPENDS, _ADDITEMS):
            del stack[self._marks.pop() :]
            self._fill(operation)
        elif operation in (_SETITEM, _APPEND):
            del stack[-2 if operation == _SETITEM else -1 :]
            self._fill(operation)
        elif operation in (_NEWOBJ, _REDUCE, _BUILD, _STACK_GLOBAL):
            self._act(operation)
        elif operation in _COUNTED:
            self._skip(self._number(_COUNTED[operation]))
            stack.append(_VALUE)
        elif operation == _FRAME:
            length = self._number(8)
            if self._place + length > len(self._data):
                raise ValueError(f"it is cut at byte {self._place}")
        elif operation == _POP_MARK:
            del stack[self._marks.pop() :]
        elif operation == _POP and not (self._marks and self._marks[-1] == len(stack)):
            stack.pop()
        else:
            raise SnapshotError(f"model has the operation {operation:#04x}, which no stored model has")

    def _number(self, length: int) -> int:
        """Return a number of so many bytes."""
        number = int.from_bytes(self._data[self._place : self._place + length], "little")
        self._skip(length)
        return number

    def _skip(self, length: int) -> None:
        self._place += length
        if self._place >= len(self._data):
            raise ValueError(f"it is cut at byte {len(self._data)}")

    def _tuple(self, begin: int) -> None:
        """Put what is on the stack into a tuple."""
        values = self._stack[begin:]
        size = sum(value.size if type(value) is _Tuple else 1 for value in values) + 1
        if begin < 0 or size > MOST_IN_TUPLE:
            raise SnapshotError(f"model has a tuple of more than {MOST_IN_TUPLE} values")
        self._stack[begin:] = [_Tuple(size, tuple(values))]

    def _fill(self, operation: int) -> None:
        """Let a container get what was on the stack."""
        target = self._stack[-1]
        filled_by = target.filled_by if type(target) is _Kind else _AS_DICT if type(target) is list else ()
        if operation not in filled_by:
            raise SnapshotError("model fills something that is no container")

    def _act(self, operation: int) -> None:
        """Name, make or restore something."""
        last, before = self._stack.pop(), self._stack[-1]
        if operation == _BUILD:
            if type(before) is not list or not before or _kind(last) not in ("dict", "tuple"):
                raise SnapshotError("model gives a state to something that has none, or none of its kind")
            before.clear()
            return
        self._stack.pop()
        if operation == _STACK_GLOBAL:
            self._stack.append(self._named(before, last))
        elif operation == _NEWOBJ:
            if before not in self._names.made or last is not _NO_VALUES:
                raise SnapshotError(f"model makes {_text(before)}, which is on no list")
            self._stack.append([before])
        else:
            self._stack.append(self._called(before, last))

    def _called(self, name: Any, arguments: Any) -> Any:
        """Return what comes of a call."""
        if type(arguments) is not _Tuple:
            raise SnapshotError(f"model calls {_text(name)} with no arguments")
        if name not in self._names.called and name not in self._names.restored:
            raise SnapshotError(f"model calls {_text(name)}, which is on no list")
        kinds = tuple(_kind(value) for value in arguments.values)
        if not any(_is_of(kinds, shape) for shape in self._names.arguments[name]):
            raise SnapshotError(
                f"model calls {_text(name)} with ({', '.join(kinds)}), which no stored model does"
            )
        if name in self._names.restored:
            return [name]
        return _Kind(name[1], _FILLED.get(name[1], frozenset()))

    def _named(self, module: Any, name: Any) -> Name:
        if type(module) is not bytes or type(name) is not bytes:
            raise ValueError("a name is no text")
        found = module.decode(), name.decode()
        if found not in self._names:
            raise SnapshotError(f"model names {_text(found)}, which is on no list")
        return found


def _text(name: Any) -> str:
    """Return what to call something on the stack."""
    return repr(".".join(name)) if type(name) is tuple else "a value"


_KINDS: Mapping[type, str] = {_Tuple: "tuple", bytes: "text", tuple: "name", list: "object"}


def _kind(value: Any) -> str:
    """Return the kind of something on the stack."""
    return value.name if type(value) is _Kind else _KINDS[type(value)]


def _is_of(kinds: tuple[str, ...], shape: tuple[str, ...]) -> bool:
    """Say whether arguments of these kinds are of a shape."""
    return len(kinds) == len(shape) and all(
        kind in each.split("|") for kind, each in zip(kinds, shape, strict=True)
    )
