"""Where and when we look: cells, periods, counts, areas."""
