"""The simulation behind data/sample: points, monthly process, records, exact process."""
