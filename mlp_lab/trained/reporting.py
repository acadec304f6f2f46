"""A report of a run: one HTML file that opens anywhere, without a server or a script."""

from __future__ import annotations

import html
import json
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlp_lab.errors import InputError
from mlp_lab.folders import replacing
from mlp_lab.runs import Run, open_run, texts
from mlp_lab.runs.layout import FLAGS
from mlp_lab.runs.listing import best, seconds
from mlp_lab.runs.record import read_json
from mlp_lab.trained import svg
from mlp_lab.trained.evaluation import FILE, evaluate

_MOST_DISTRIBUTIONS = 8

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--dim:#5d646c;--paper:#fff;--soft:#eef1f4;
--c0:#1f6fb4;--c1:#c8540b;--c2:#2c8a4b;--c3:#8a4fb0}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--dim:#a0a7af;--paper:#15181c;--soft:#262b31;
--c0:#6cb2ee;--c1:#f59a55;--c2:#74cf92;--c3:#c79ae6}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:20px;background:var(--paper);
color:var(--ink);font:16px/1.45 system-ui,sans-serif}
h1{margin:.2em 0}h2{margin:1.6em 0 .5em;border-bottom:1px solid var(--soft)}
.dim,figcaption{color:var(--dim);font-size:.9em}
.grid-of{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:18px}
figure{margin:0;break-inside:avoid}svg{width:100%;height:auto;max-width:640px;display:block}
svg text{fill:var(--dim);font:12px system-ui,sans-serif}svg text.on{fill:var(--paper)}
svg text.off{fill:var(--ink)}.grid{stroke:var(--soft)}.line{fill:none;stroke-width:2}
.fill{fill:var(--c0)}.cell{fill:var(--soft)}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}
.dot{fill:var(--paper)}.key{margin-right:1em}.key::before{content:"";display:inline-block;
width:1em;height:.2em;margin-right:.35em;vertical-align:middle;background:var(--k)}
.key.c0{--k:var(--c0)}.key.c1{--k:var(--c1)}.key.c2{--k:var(--c2)}.key.c3{--k:var(--c3)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.92em}
th,td{padding:.25em .8em .25em 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--soft);overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
pre{background:var(--soft);padding:.8em;overflow-x:auto;white-space:pre-wrap}
@media print{body{max-width:none;padding:0;font-size:11pt}.grid-of{grid-template-columns:1fr 1fr}
h2{break-after:avoid}}
"""


def report(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Writes a report of a run as one HTML file.

    Curves, distributions over time, metrics with intervals, confusion, the worst rows, flags,
    versions, and how to run it again. A finished run without an evaluation.json is evaluated on
    its test set first.

    Args:
      path: the run's folder.
      out: the file; by default report.html in the run's folder.
      say: told what the user should know.

    Raises:
      InputError: it is no run's folder, or the file cannot be written.
    """
    run = open_run(path)
    if not run.path.is_dir():
        raise InputError("", f"expected a run's folder, got the model {str(run.path)!r}")
    target = Path(out).expanduser() if out is not None else run.path / "report.html"
    if target.is_dir():
        raise InputError("out", f"{str(target)!r} is a folder; give the name of a file")
    evaluation = read_json(run.path / FILE)
    if evaluation is None and run.status == "finished" and run.model_path.is_file():
        evaluate(run.path, say=say)
        evaluation = read_json(run.path / FILE)
    page = _page(run, evaluation)
    try:
        with replacing(target) as file:
            file.write(page.encode())
    except OSError as error:
        reason = error.strerror or error
        raise InputError("out", f"{str(target)!r} cannot be written ({reason})") from error
    return target


def _page(run: Run, evaluation: dict[str, Any] | None) -> str:
    record = run.record
    metric, value, epoch = best(run)
    facts = [run.status, f"{record.get('epochs', 0)} epochs", texts.duration(seconds(record))]
    if isinstance(record.get("parameters"), int):
        facts.insert(1, f"{record['parameters']:,} parameters")
    if value is not None:
        facts.append(f"best {metric} {texts.number(value)} after epoch {epoch}")
    sections = [
        f"<h1>{html.escape(run.name)}</h1><p>{html.escape(', '.join(facts))}</p>",
        _note(run),
        _section("Learning curves", _curves(run)),
        *_of_evaluation(evaluation),
        _section("Distributions over time", _distributions(run)),
        _section("Flags", _wide(_table(["flag", "value"], _pairs(record.get("config"))))),
        _section("Data", _wide(_table(["", ""], _pairs(record.get("data"))))),
        _section("Versions and machine", _wide(_table(["", ""], [
            *_pairs(record.get("versions")), *_pairs(record.get("machine"))]))),
        _section("Run it again", _again(run)),
    ]  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(run.name)}</title><style>{_STYLE}</style></head><body>"
        + "\n".join(filter(None, sections))
        + "</body></html>\n"
    )


def _note(run: Run) -> str:
    notes = [str(run.record["reason"])] if "reason" in run.record else []
    return "".join(f"<p>{html.escape(note)}</p>" for note in [*notes, *run.faults])


def _curves(run: Run) -> str:
    scalars = run.scalars
    drawn = []
    names = [tag.removeprefix("train/") for tag in scalars if tag.startswith("train/epoch_")]
    for name in names:
        parts = [part for part in ("train", "validation") if f"{part}/{name}" in scalars]
        lines = {part: scalars[f"{part}/{name}"][:2] for part in parts}
        shown = name.removeprefix("epoch_")
        drawn.append(_titled(shown, svg.curves(shown, lines, "step")))
    for tag, title in (
        ("train/batch_loss", "loss of single batches"),
        ("train/learning_rate", "learning rate"),
        ("train/gradients/global_norm", "norm of the gradient"),
    ):
        if tag in scalars:
            drawn.append(_titled(title, svg.curves(title, {title: scalars[tag][:2]}, "step")))
    return _grid(drawn)


def _distributions(run: Run) -> str:
    histograms = run.histograms
    tags = [tag for tag in histograms if "/weights/" in tag or "/gradients/" in tag]
    kernels = [tag for tag in tags if tag.endswith("kernel")] or tags
    drawn = []
    for tag in kernels[:_MOST_DISTRIBUTIONS]:
        steps, left, right, counts, _ = histograms[tag]
        drawn.append(svg.distributions(tag.removeprefix("train/"), steps, left, right, counts))
    return _grid(drawn)


def _of_evaluation(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    number = texts.number
    try:
        metrics = [
            [name, number(m["value"]), f"{number(m['low'])} to {number(m['high'])}", m["interval"]]
            for name, m in found["metrics"].items()
        ]
        classes = [
            [c["name"], number(c["rows"]), number(c["recall"]),
             f"{number(c['low'])} to {number(c['high'])}", number(c["precision"]), number(c["f1"])]
            for c in found["classes"]
        ]  # fmt: skip
        worst = [
            [number(w["row"]), w["label"], w["class"], number(w["probability"])]
            for w in found["worst"]
        ]
        names = [c["name"] for c in found["classes"]]
        error = number(found["calibration"]["expected_calibration_error"])
        caption = f"{found['rows']:,} rows of {found['data']}; expected calibration error {error}"
        bins = found["calibration"]["bins"]
        lines = {"accuracy": ([b["confidence"] for b in bins], [b["accuracy"] for b in bins]),
                 "perfect calibration": ([0, 1], [0, 1])}  # fmt: skip
        drawn = {name: tuple(map(_array, line)) for name, line in lines.items()}
        confusion = svg.matrix("confusion", found["confusion"], names)
        table = _table(["metric", "value", "95 % interval", "method"], metrics)
        each = ["class", "rows", "recall", "95 % interval", "precision", "F1"]
        reliability = svg.curves("reliability", drawn, "probability of the predicted class")
        return [
            _section("Evaluation", f'<p class="dim">{html.escape(caption)}</p>{_wide(table)}'),
            _section("Confusion and calibration", _grid([confusion, reliability])),
            _section("Classes", _wide(_table(each, classes))),
            _section("Worst rows", _wide(
                _table(["row", "label", "predicted", "p(label)"], worst))),
        ]  # fmt: skip
    except (KeyError, TypeError, AttributeError):
        return [_section("Evaluation", f"<p>{FILE} has another form; evaluate again</p>")]


def _array(values: Sequence[float]) -> Any:
    import numpy as np

    return np.asarray(values, np.float64)


def _again(run: Run) -> str:
    command = f"mlp-lab train --flagfile={shlex.quote(str(run.path / FLAGS))}"
    given = run.record.get("command")
    shown = command + (f"\n\n# as it was called\n{shlex.join(map(str, given))}" if given else "")
    return f"<pre>{html.escape(shown)}</pre>"


def _pairs(found: Any) -> list[list[str]]:
    items = found.items() if isinstance(found, dict) else ()
    shown = [(name, v) for name, v in items if v is not None and v != []]
    return [[name, v if isinstance(v, str) else json.dumps(v)] for name, v in shown]


def _section(title: str, content: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{content}</section>" if content else ""


def _titled(title: str, drawn: str) -> str:
    return f"<div><strong>{html.escape(title)}</strong>{drawn}</div>" if drawn else ""


def _grid(drawn: Sequence[str]) -> str:
    kept = "".join(filter(None, drawn))
    return f'<div class="grid-of">{kept}</div>' if kept else ""


def _wide(content: str) -> str:
    return f'<div class="wide">{content}</div>' if content else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    heads = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
