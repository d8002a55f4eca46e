"""How wrong it would have been: folds that cannot see their future."""
