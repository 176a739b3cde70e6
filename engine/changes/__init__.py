"""Changes in: read, applied in memory, evaluated, written in one transaction."""
