"""Pictures of forecasts, their bounds, and how wrong they were; the only part that draws.

Every function returns Axes and shows nothing; save with ``axes.figure.savefig(...)``. Matplotlib
loads when the first picture is drawn, and none of its settings is changed.
"""

from hotspot.plot.added_value import plot_added_value
from hotspot.plot.areas import plot_area_bounds
from hotspot.plot.consistency import plot_consistency
from hotspot.plot.curves import plot_calibration, plot_capture_curve, plot_pit
from hotspot.plot.grid_sensitivity import plot_grid_sensitivity
from hotspot.plot.maps import plot_bounds, plot_forecast
from hotspot.plot.residuals import (
    plot_knox,
    plot_residuals,
    plot_space_time_k,
    plot_super_thinned,
)

__all__ = [
    "plot_added_value",
    "plot_area_bounds",
    "plot_bounds",
    "plot_calibration",
    "plot_capture_curve",
    "plot_consistency",
    "plot_forecast",
    "plot_grid_sensitivity",
    "plot_knox",
    "plot_pit",
    "plot_residuals",
    "plot_space_time_k",
    "plot_super_thinned",
]
