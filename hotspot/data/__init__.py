"""What was recorded: events and the window they were recorded in."""
