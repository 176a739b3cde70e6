"""Work on all projects: batch re-evaluation, retention, erasure, statistics."""
