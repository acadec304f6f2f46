"""Which of several named arrays are x and y, and which are for training and for tests."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from mlp_lab.errors import InputError, near_miss

ROLES = ("x_train", "y_train", "x_test", "y_test")
CLASS_NAMES = "class_names"
USUAL = (
    "x_train and y_train, x and y, data and target, images and labels, features and labels, "
    "inputs and targets, or arr_0 and arr_1"
)

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
}
_X = (
    "x",
    "xs",
    "data",
    "image",
    "images",
    "img",
    "imgs",
    "feature",
    "features",
    "input",
    "inputs",
    "sample",
    "samples",
)
_Y = ("y", "ys", "target", "targets", "label", "labels", "class", "classes", "output", "outputs")
_NAMES = {"class_names", "label_names", "target_names"}
_JOINED = re.compile(r"([xy])(train|test|val|valid)|(train|test|val|valid)([xy])")
# The end of an IDX file's name: its number of dimensions and its type.
_IDX = re.compile(r"idx\d*|ubyte|byte|short|int|float|double")


@dataclasses.dataclass(frozen=True)
class _Meaning:
    """What a name says: x or y, of which part ("" if it does not say), of which data set."""

    kind: str
    part: str
    prefix: str


def split_of(name: str) -> str:
    """The part of a data set that a name stands for: train, test, val, or "" for none."""
    return _PARTS.get(name.casefold(), "")


def is_named(name: str) -> bool:
    """Whether a name says x or y."""
    return _meaning(name) is not None


def part_of(name: str) -> str:
    """The part that an array's name says: train, test, val, or "" for none."""
    meaning = _meaning(name)
    return meaning.part if meaning else ""


def prefix_of(name: str) -> str:
    """What an array's name says beside x or y and the part: the name of its data set, perhaps."""
    meaning = _meaning(name)
    return meaning.prefix if meaning else name


def assign(names: Sequence[str], given: str | Mapping[str, str], where: str) -> dict[str, str]:
    """The name of the array for each role.

    Args:
      names: of the arrays there are.
      given: what the user says: `"x=feat,y=lab"`, or a mapping; the roles are x_train, y_train,
        x_test and y_test, for short x and y.
      where: the file or folder, for errors.

    Returns:
      Names by role: x_train and y_train, and where there is a test part x_test and y_test; if
      there are class names, class_names too.

    Raises:
      InputError: an array is missing, or more than one can have a role.
    """
    if given:
        return _as_given(names, parse_names(given), where)
    if sum(name.startswith("arr_") for name in names) > 2:
        raise InputError(
            "data",
            f"{where}: which arrays are x and y? {_holds(names)}; choose with "
            "--names=x_train=NAME,y_train=NAME",
        )
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in names:
        meaning = _meaning(name)
        if meaning is not None:
            key = meaning.prefix, meaning.part, meaning.kind
            found.setdefault(key, []).append(name)
    chosen = _of_one_set(_whole_sets(found, where), found, names, where)
    labels = [name for name in names if name.casefold() in _NAMES]
    if len(labels) == 1:
        chosen[CLASS_NAMES] = labels[0]
    return chosen


def parse_names(given: str | Mapping[str, str]) -> dict[str, str]:
    """The roles and names of `"x=feat,y=lab"`.

    Raises:
      InputError: it has another form, or a role that there is not, or not both x and y.
    """
    if isinstance(given, str):
        pairs = [pair.split("=", 1) for pair in given.split(",")]
        if any(len(pair) < 2 for pair in pairs):
            raise InputError("names", f"expected x=NAME,y=NAME, got {given!r}")
    else:
        pairs = [[str(role), str(name)] for role, name in given.items()]
    known = {"x": "x_train", "y": "y_train", CLASS_NAMES: CLASS_NAMES}
    known |= {role: role for role in ROLES}
    result: dict[str, str] = {}
    for role, name in pairs:
        role, name = role.strip(), name.strip()
        if role not in known:
            raise InputError(
                "names", f"expected {', '.join(known)}, got {role!r}{near_miss(role, known)}"
            )
        if known[role] in result:
            raise InputError("names", f"{role} is given twice")
        result[known[role]] = name
    for role in ("x_train", "y_train"):
        if role not in result:
            raise InputError("names", f"no {role[0]} is given; expected x=NAME,y=NAME")
    if ("x_test" in result) != ("y_test" in result):
        raise InputError("names", "give both x_test and y_test, or none of them")
    return result


def _as_given(names: Sequence[str], roles: dict[str, str], where: str) -> dict[str, str]:
    for role, name in roles.items():
        if name not in names:
            hint = near_miss(name, names)
            raise InputError(
                "names", f"{where} has no array {name!r} for {role}{hint}; {_holds(names)}"
            )
    return roles


def _meaning(name: str) -> _Meaning | None:
    tokens = [token for token in re.split(r"[\W_]+", _uncamel(name).casefold()) if token]
    if tokens in (["arr", "0"], ["arr", "1"]):
        return _Meaning("xy"[int(tokens[1])], "", "")
    while len(tokens) > 1 and _IDX.fullmatch(tokens[-1]):
        tokens.pop()
    kinds, parts, rest = set(), set(), []
    for token in tokens:
        joined = _JOINED.fullmatch(token)
        if joined:
            kinds.add(joined[1] or joined[4])
            parts.add(_PARTS[joined[2] or joined[3]])
        elif token in _PARTS:
            parts.add(_PARTS[token])
        elif token in _X or token in _Y:
            kinds.add("y" if token in _Y else "x")
        else:
            rest.append(token)
    if not kinds or len(parts) > 1:
        return None
    # "data_labels" are labels.
    return _Meaning("y" if "y" in kinds else "x", "".join(parts), "-".join(rest))


def _uncamel(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)


def _whole_sets(found: Mapping[tuple[str, str, str], list[str]], where: str) -> list[str]:
    """Prefixes of the data sets that have x and y."""
    prefixes = {prefix for prefix, _, _ in found}
    whole = [
        prefix
        for prefix in sorted(prefixes)
        if any(
            (prefix, part, "x") in found and (prefix, part, "y") in found
            for part in ("", *_PARTS.values())
        )
    ]
    if len(whole) > 1 and "" in whole:
        return [""]
    if len(whole) > 1:
        raise InputError(
            "data",
            f"{where} holds {len(whole)} data sets, {', '.join(whole[:8])}; choose the arrays of "
            "one with --names=x=NAME,y=NAME",
        )
    return whole


def _of_one_set(
    whole: Sequence[str],
    found: Mapping[tuple[str, str, str], list[str]],
    names: Sequence[str],
    where: str,
) -> dict[str, str]:
    if not whole:
        half = sorted({kind for _, _, kind in found})
        lacking = {"x": "an array for x but none for y", "y": "an array for y but none for x"}
        problem = lacking.get("".join(half), "no arrays for x and y by their usual names")
        raise InputError(
            "data",
            f"{where} has {problem}: {_holds(names)}; expected {USUAL}; or give "
            "--names=x=NAME,y=NAME",
        )
    for key, candidates in found.items():
        if key[0] == whole[0] and len(candidates) > 1:
            raise InputError(
                "data",
                f"{where}: {' or '.join(sorted(candidates)[:6])} for {key[2]}? Choose with "
                "--names=x=NAME,y=NAME",
            )
    own = {(part, kind): n[0] for (prefix, part, kind), n in found.items() if prefix == whole[0]}
    parts = {part for part, _ in own}
    for part in parts:
        for kind, other in ("xy", "yx"):
            if (part, kind) in own and (part, other) not in own:
                raise InputError(
                    "data",
                    f"{where} has {own[part, kind]} but no {other} for it; {_holds(names)}; choose "
                    "with --names=x=NAME,y=NAME",
                )
    if {"", "train"} <= parts:
        raise InputError(
            "data",
            f"{where}: {own['', 'x']} or {own['train', 'x']} for training? Choose with "
            "--names=x=NAME,y=NAME",
        )
    order = [part for part in ("train", "", "test", "val") if part in parts]
    result = {"x_train": own[order[0], "x"], "y_train": own[order[0], "y"]}
    if len(order) > 1:
        result |= {"x_test": own[order[1], "x"], "y_test": own[order[1], "y"]}
    return result


def _holds(names: Sequence[str]) -> str:
    return f"it holds {shown(names)}" if names else "it holds no arrays"


def shown(names: Iterable[str], most: int = 6) -> str:
    """The first names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
