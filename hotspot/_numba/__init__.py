"""Compiled loops: arrays in, arrays out; they know nothing else."""

# Reordering and fusing only. "nnan" and "ninf" stay off, so a NaN in an input
# still reaches the result instead of being optimised away.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}
