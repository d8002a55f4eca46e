"""What events trigger: sums over earlier events, edges, cascades."""
