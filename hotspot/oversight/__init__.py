"""What others than its keeper need of a ledger: decisions, provenance, and running it again."""
