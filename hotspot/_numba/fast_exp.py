"""The exponential and the logarithm in arithmetic that a compiler can put in vector registers.

``math.exp`` in a compiled loop is a call per number; numba's vector mathematics library is no
longer in its wheels. These two run six to twenty times faster inside a long loop, to the last
bit or two. They are compiled with ``contract`` alone: the full set of :data:`FASTMATH` may
reorder the two-step reductions below and so undo them.
"""

import math

import numpy as np
from numba import njit

CONTRACT = {"contract"}

# log(2) in two parts: the first has 21 trailing zero bits, so a whole number times it is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_PER_LN2 = 1.4426950408889634
_SMALLEST = -708.0  # e**-708 is the last that is not a denormal number
_HALF_ROOT_BITS = 0x3FE6A09E667F3BCD  # of the square root of one half

_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (
    1.0 / math.factorial(k) for k in range(2, 14)
)


@njit(cache=True, nogil=True, fastmath=CONTRACT)
def fast_exp(x):
    r""":math:`e^x` for x up to 709, with a relative error below 5e-16.

    .. math:: e^x = 2^k e^r, \qquad k = \lfloor x / \log 2 + 1/2 \rfloor, \quad
       |r| \le \tfrac12 \log 2

    with a Taylor series of degree 13 for :math:`e^r`. Below -708 it stays at
    :math:`e^{-708} = 3.3 \times 10^{-308}`; a NaN stays a NaN.
    """
    x = _SMALLEST if x < _SMALLEST else x
    # Adding and subtracting 1.5 * 2**52 would round as well, until a compiler allowed to
    # reorder sums takes the two for nothing.
    number = x if x >= _SMALLEST else 0.0  # a NaN has no whole part
    k = np.floor(number * _PER_LN2 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = _C12 + r * _C13
    p = _C11 + r * p
    p = _C10 + r * p
    p = _C9 + r * p
    p = _C8 + r * p
    p = _C7 + r * p
    p = _C6 + r * p
    p = _C5 + r * p
    p = _C4 + r * p
    p = _C3 + r * p
    p = _C2 + r * p
    p = 1.0 + r * p
    p = 1.0 + r * p
    return p * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


# With Python's rule for division the loop would branch on a zero divisor, one number at a time.
@njit(cache=True, nogil=True, fastmath=CONTRACT, error_model="numpy")
def fast_log(x):
    r""":math:`\log x` for normal numbers x > 0, with an error below 4e-16 of max(1, |log x|).

    .. math:: \log x = k \log 2 + 2 \left(s + \frac{s^3}{3} + \frac{s^5}{5} + \dots\right),
       \qquad x = 2^k m, \quad s = \frac{m - 1}{m + 1}, \quad \sqrt{1/2} \le m < \sqrt 2

    with ten terms, the last of which is below 1e-15 of the first. A NaN, zero or infinity gives
    a number without meaning.
    """
    bits = np.float64(x).view(np.int64)
    k = (bits - _HALF_ROOT_BITS) >> 52
    m = np.int64(bits - (k << 52)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 1.0 / 19.0 + z * (1.0 / 21.0)
    p = 1.0 / 17.0 + z * p
    p = 1.0 / 15.0 + z * p
    p = 1.0 / 13.0 + z * p
    p = 1.0 / 11.0 + z * p
    p = 1.0 / 9.0 + z * p
    p = 1.0 / 7.0 + z * p
    p = 1.0 / 5.0 + z * p
    p = 1.0 / 3.0 + z * p
    p = 2.0 * s * (1.0 + z * p)
    return k * _LN2_HIGH + (p + k * _LN2_LOW)
