"""What a model leaves unexplained: residuals, and whether they cluster.

Cells, Voronoi cells, the clock that runs by the intensity, super-thinned points; Knox's test, K
functions, and Moran's and Getis and Ord's statistics from PySAL.
"""

from hotspot.evaluate.residuals.cells import cell_residuals
from hotspot.evaluate.residuals.knox import knox_test
from hotspot.evaluate.residuals.rescaled import residual_tests, time_rescaled_residuals
from hotspot.evaluate.residuals.space_time_k import (
    inhomogeneous_k,
    space_time_k,
    space_time_k_test,
)
from hotspot.evaluate.residuals.spatial import local_gi_star, morans_i, ripley_k
from hotspot.evaluate.residuals.super_thinning import SuperThinned, super_thinned_residuals
from hotspot.evaluate.residuals.voronoi import voronoi_residuals

__all__ = [
    "SuperThinned",
    "cell_residuals",
    "inhomogeneous_k",
    "knox_test",
    "local_gi_star",
    "morans_i",
    "residual_tests",
    "ripley_k",
    "space_time_k",
    "space_time_k_test",
    "super_thinned_residuals",
    "time_rescaled_residuals",
    "voronoi_residuals",
]
