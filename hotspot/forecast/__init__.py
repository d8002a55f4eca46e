"""What we expect next: forecasts with bounds."""
