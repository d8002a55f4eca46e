"""SelfExciting: its likelihood, its fit, its forecasts."""
