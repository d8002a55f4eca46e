"""Whether the record stayed the same: levels that shifted, other map points, missing months."""
