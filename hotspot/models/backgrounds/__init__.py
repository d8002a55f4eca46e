"""What would be recorded without triggering."""
