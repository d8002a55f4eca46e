"""A learner over the monthly self-exciting model."""
