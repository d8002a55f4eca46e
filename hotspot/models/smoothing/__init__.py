"""Kernel densities and their bandwidths."""
