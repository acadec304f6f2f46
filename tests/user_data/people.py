"""A table with all that tables have: numbers, words, gaps, and targets of every task."""

from pathlib import Path

import numpy as np

CITIES = ("Berlin", "Köln", "New York, NY", "São Paulo")
TARGETS = {
    "classes": "group",
    "binary": "smokes",
    "labels": "hobbies",
    "numbers": "income",
}


def write(path: Path, rows: int = 160, seed: int = 0) -> Path:
    """Writes the table as a CSV file."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    city = random.integers(0, len(CITIES), rows)
    height = random.normal(170, 10, rows)
    income = 1000 * age + 5000 * city + random.normal(0, 2000, rows) + 20_000
    lines = ["id,age,city,height,group,smokes,hobbies,income"]
    for row in range(rows):
        hobbies = [name for name, is_in in (("chess", age[row] > 40), ("swimming", city[row] < 2),
                                            ("reading", row % 3 == 0)) if is_in]  # fmt: skip
        cells = [
            f"P{row:04d}",
            "" if row % 17 == 5 else str(age[row]),
            f'"{CITIES[city[row]]}"' if row % 23 else "NA",
            f"{height[row]:.1f}",
            ("young", "middle", "old")[int(age[row] > 35) + int(age[row] > 60)],
            "yes" if age[row] + 10 * city[row] > 60 else "no",
            '"' + "; ".join(hobbies) + '"',
            f"{income[row]:.2f}",
        ]
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def others(task: str) -> str:
    """The option --columns that leaves out the targets of other tasks."""
    return ",".join(f"{name}:ignore" for kind, name in TARGETS.items() if kind != task)
