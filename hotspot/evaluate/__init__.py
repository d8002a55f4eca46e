"""How wrong it was: plain functions of a forecast and what was observed."""
