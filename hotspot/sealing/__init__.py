"""A forecast set down before its outcome, so that nobody can say it was made after."""
