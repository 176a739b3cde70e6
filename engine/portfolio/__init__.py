"""What concerns all projects: re-evaluation in batches, retention, erasure, statistics."""
