"""Names for the arrays and option sets that signatures share."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

TimeResolution: TypeAlias = Literal["exact", "hour", "day", "month"]
EdgeCorrection: TypeAlias = Literal["uniform", "diggle", "none"]
