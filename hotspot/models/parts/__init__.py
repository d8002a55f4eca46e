"""Parts of a self-exciting model: densities of lag and displacement, and what they integrate to."""
