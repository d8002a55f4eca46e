"""Levels of areas and of their sum, month by month, and their union with a map of shares."""
