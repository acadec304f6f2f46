"""The form of a text file: what the user says about it; the rest is recognized."""

from __future__ import annotations

import codecs
import dataclasses

from mlp_lab.errors import InputError, near_miss

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
QUOTES = {"double": '"', "single": "'", "none": ""}
DECIMALS = {"point": ".", "comma": ","}
_HEADERS = {"yes": True, "no": False}


@dataclasses.dataclass(frozen=True)
class Form:
    """What is known about the form of a table; None and `()` leave it to be recognized.

    Each field is also the flag of this name. The words of a flag and the characters they mean
    are both allowed: `delimiter="semicolon"` and `delimiter=";"`.

    Args:
      delimiter: what separates cells: comma, semicolon, tab, pipe, space (any run of blanks), or
        one character.
      quote: double, single or none; or the character.
      decimal: decimal mark of numbers: point or comma.
      header: whether the first line has the names of the columns: yes or no. Without names the
        columns are called column1, column2, ...
      encoding: any text encoding that Python knows.
      missing: words that mean a missing value, beside those that always do (`missing.WORDS`).
    """

    delimiter: str | None = None
    quote: str | None = None
    decimal: str | None = None
    header: bool | str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._choose("delimiter", DELIMITERS)
        self._choose("quote", QUOTES)
        self._choose("decimal", DECIMALS)
        if not isinstance(self.header, bool):
            self._choose("header", _HEADERS)
        if self.encoding is not None:
            try:
                known = codecs.lookup(self.encoding)
                known.decode(b"")  # hex, zip and others are codecs, but not of text
                if not known._is_text_encoding:
                    raise LookupError
            except (LookupError, ValueError, TypeError):
                hint = near_miss(self.encoding, ("utf-8", "cp1252", "latin-1", "utf-16", "gb18030"))
                raise InputError("encoding", f"no encoding {self.encoding!r}{hint}") from None
        words = (self.missing,) if isinstance(self.missing, str) else tuple(self.missing)
        object.__setattr__(self, "missing", tuple(str(word).strip() for word in words))

    def _choose(self, name: str, words: dict) -> None:
        value = getattr(self, name)
        if value is None or value in words.values():
            return
        if value in words:
            object.__setattr__(self, name, words[value])
        elif name != "delimiter" or not self._is_mark(value):
            allowed = ", ".join(words) + (" or one character" if name == "delimiter" else "")
            hint = near_miss(str(value), words)
            raise InputError(name, f"expected {allowed}, got {value!r}{hint}")

    @staticmethod
    def _is_mark(value: str) -> bool:
        """Whether one ASCII character can separate cells."""
        return (
            len(value) == 1 and value.isascii() and not value.isalnum() and value not in "\"'\r\n\0"
        )


def spelled(mark: str, words: dict[str, str]) -> str:
    """The word for a character, or the character in quotes."""
    return next((word for word, char in words.items() if char == mark), repr(mark))
