"""The evaluation's pictures, as SVG: sharp at any size, readable on light and dark paper.

Each function returns a Picture, also where there is nothing to draw: then it says why.
"""

from lib.eval.report.plot_differences import plot_differences
from lib.eval.report.plot_drawing import INK, PAPER, Picture, Sheet
from lib.eval.report.plot_latency import plot_latency_and_cost
from lib.eval.report.plot_losses import plot_losses
from lib.eval.report.plot_refusals import plot_refusals
from lib.eval.report.plot_top_k import plot_top_k

__all__ = [
    "INK",
    "PAPER",
    "Picture",
    "Sheet",
    "plot_differences",
    "plot_latency_and_cost",
    "plot_losses",
    "plot_refusals",
    "plot_top_k",
]
