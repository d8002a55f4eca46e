"""Endemic-epidemic models."""
