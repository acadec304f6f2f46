"""Options: the user's own data."""

import dataclasses
from typing import ClassVar

from mlp_lab.errors import InputError
from mlp_lab.options.checks import choice, number, text
from mlp_lab.options.option import Options, option
from mlp_lab.tables.form import Form
from mlp_lab.tables.overrules import parse_columns

TASKS = ("auto", "classes", "binary", "labels", "numbers")
_FORM = tuple(field.name for field in dataclasses.fields(Form))


def _columns(name: str, value: str) -> None:
    parse_columns(value)


@dataclasses.dataclass(frozen=True)
class UserDataOptions(Options):
    """A table, arrays or pictures to learn from, and how they are split."""

    title: ClassVar[str] = "Your own data"

    data: str | None = option(
        None,
        "learn from your own data in place of --dataset: a table (.csv, .tsv, .parquet, also .gz), "
        "arrays (.npz, .npy), IDX files, or a folder of pictures with a subfolder for each class",
        text,
        "PATH",
        of_result=False,
    )
    target: str | None = option(
        None,
        "column of the table to predict; several numbers or labels separated by commas",
        text,
        "COLUMN,...",
    )
    task: str = option(
        "auto",
        "what is learned: classes, one of several; binary, one of two with a single output; "
        "labels, several of several; numbers; auto goes by the target and says why",
        choice(TASKS),
    )
    columns: str = option(
        "",
        "kinds of columns, in place of what is recognized: age:number,zip:category,when:date,"
        "id:ignore; a name with a comma in double quotes",
        _columns,
        "COLUMN:KIND,...",
    )
    test_data: str | None = option(
        None,
        "data of the same form to test on, in place of a share of --data",
        text,
        "PATH",
        of_result=False,
    )
    test_split: float = option(
        0.2,
        "share of the rows that are kept for the test, chosen by a hash of --seed and the row's "
        "number; of each class its share; not used if --data has a test part of its own",
        number("a share between 0 and 1", lambda x: 0 < x < 1),
        "SHARE",
    )
    group: str | None = option(
        None,
        "column whose rows of equal value stay on the same side of every split, such as a person",
        text,
        "COLUMN",
    )
    time: str | None = option(
        None, "column of dates or numbers; the last rows by it are the test part", text, "COLUMN"
    )
    class_weight: str | None = option(
        None,
        "weight of each class in the loss: balanced, so that all classes count the same in sum, "
        "or name:weight,... (default: all samples count the same)",
        text,
        "balanced|NAME:X,...",
    )
    arrays: str | None = option(
        None,
        "names of the arrays in --data: x=features,y=labels, and x_test, y_test (default: the "
        "usual names)",
        text,
        "x=NAME,y=NAME",
    )
    image_size: str | None = option(
        None,
        "height and width to which pictures are resized: 28 or 28x28 (default: the size that all, "
        "or most, have)",
        text,
        "N|HxW",
    )
    color: str = option(
        "auto",
        "pictures as gray or rgb; auto: gray if all are gray",
        choice(("auto", "gray", "rgb")),
    )
    delimiter: str | None = option(
        None,
        "of cells in a table: comma, semicolon, tab, pipe, space or a character (default: "
        "recognized)",
        text,
        "WORD",
    )
    quote: str | None = option(
        None, "quotes around cells: double, single or none (default: recognized)", text, "WORD"
    )
    decimal: str | None = option(
        None, "decimal mark of numbers: point or comma (default: recognized)", text, "WORD"
    )
    header: str | None = option(
        None,
        "whether the table's first line has the names of the columns: yes or no; without names "
        "they are column1, column2, ... (default: recognized)",
        text,
        "yes|no",
    )
    encoding: str | None = option(None, "of the table's text (default: recognized)", text, "NAME")
    missing: str | None = option(
        None,
        "words for a missing value, separated by commas, beside those that always mean it, such "
        "as NA and an empty cell",
        text,
        "WORD,...",
    )

    def check_together(self) -> None:
        """Refuses options of own data without own data, and forms that do not exist."""
        super().check_together()
        if self.data is None:
            for field in dataclasses.fields(UserDataOptions):
                if getattr(self, field.name) != field.default:
                    raise InputError(field.name, "needs --data, your own data, which it is about")
        if self.group is not None and self.time is not None:
            raise InputError("group", "excludes --time; choose one way to split")
        if self.test_data is not None and self.time is not None:
            raise InputError("time", "excludes --test_data, which is the test part; choose one")
        self.form()

    def form(self) -> Form:
        """What is said about the form of a table."""
        given = {name: getattr(self, name) for name in _FORM if name != "missing"}
        words = tuple(word.strip() for word in (self.missing or "").split(",") if word.strip())
        return Form(**given, missing=words)
