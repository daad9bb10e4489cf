"""scale's figure: how search grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.report import Report


def plot(report: Report, searches: Sequence[dict[str, Any]]) -> None:
    """Median (line) and 95th percentile (dashes) over the organisation's size, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2))
    for name in dict.fromkeys(one["filter"] for one in searches):
        mine = [one for one in searches if one["filter"] == name]
        sizes = [one["organization"] for one in mine]
        (line,) = axes.plot(sizes, [one["median_ms"] for one in mine], marker="o", label=f"filter: {name}")
        axes.plot(sizes, [one["p95_ms"] for one in mine], linestyle="--", color=line.get_color(), alpha=0.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(
        xlabel="memories of the organisation",
        ylabel="search, ms: median, and p95 (dashed)",
        title="Search as an organisation grows",
    )
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(report.plot_path(), dpi=120)
    plt.close(figure)
