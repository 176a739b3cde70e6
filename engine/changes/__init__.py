"""Changes: read, applied in memory, evaluated, and written in one transaction."""
