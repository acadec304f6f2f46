"""The picture in `docs/performance.md`, from what `speed.py` measured.

    python benchmarks/plot.py speed.json docs/images/performance.png

Needs matplotlib.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

OURS, OTHERS = "#1f77b4", "#b0b0b0"


def main() -> None:
    """Draws seconds per epoch relative to ours as bars on a logarithmic axis."""
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/plot.py JSON PNG")
    results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["results"]
    if "ours" not in results:
        sys.exit('plot.py: the JSON has no "ours", to which the bars are relative')
    bars = sorted(results.items(), key=lambda item: -item[1]["ratio"])
    ratios = [result["ratio"] for _, result in bars]
    labels = [result["says"].replace("`", "") for _, result in bars]
    colors = [OURS if name.startswith("ours") else OTHERS for name, _ in bars]
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(bars) + 1))
    drawn = axes.barh(labels, ratios, color=colors, height=0.7)
    axes.bar_label(drawn, [f"{ratio:.2g}" for ratio in ratios], padding=3, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(min(ratios) * 0.8, max(ratios) * 1.6)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("seconds per epoch, relative to ours (logarithmic; shorter is faster)")
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(sys.argv[2], dpi=120, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main()
