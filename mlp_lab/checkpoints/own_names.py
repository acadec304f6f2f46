"""Which attributes of an object are its library's own business."""

import dis
import functools
import types
from collections.abc import Iterator

_LIBRARIES = ("keras", "tensorflow", "mlp_lab")


def library(cls: type) -> str:
    """The name of the package that a class is from."""
    return cls.__module__.split(".")[0]


def own_names(cls: type) -> frozenset[str]:
    """Attributes that Keras, TensorFlow or this package set in their classes' own code.

    They hold settings and what the library knows of its objects; what changes in a training is
    kept in variables. All others are the user's.
    """
    return frozenset().union(*(_own(base) for base in cls.__mro__ if library(base) in _LIBRARIES))


@functools.cache  # of libraries' classes only: it would keep users' alive
def _own(cls: type) -> frozenset[str]:
    return frozenset(name for code in _codes(cls) for name in _set_by(code))


def _codes(cls: type) -> Iterator[types.CodeType]:
    for value in vars(cls).values():
        for function in (value, *(getattr(value, n, None) for n in ("__func__", "fget", "fset"))):
            while function is not None:
                code = getattr(function, "__code__", None)
                if isinstance(code, types.CodeType):
                    yield code
                function = getattr(function, "__wrapped__", None)


def _set_by(code: types.CodeType) -> Iterator[str]:
    """Names of attributes that a method sets on its object."""
    before: dis.Instruction | None = None
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        stored = instruction.opname == "STORE_ATTR" and before is not None and _is_self(before)
        # Names in strings are those that are set past `__setattr__`: `vars(self)["_name"]`.
        quoted = instruction.opname == "LOAD_CONST" and isinstance(value, str) and value[:1] == "_"
        if stored or quoted:
            yield value
        before = instruction
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _set_by(constant)


def _is_self(instruction: dis.Instruction) -> bool:
    loaded = instruction.argval  # newer Pythons load two variables at once
    name = loaded[-1] if isinstance(loaded, tuple) else loaded
    return instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) and name == "self"
