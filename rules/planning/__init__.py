"""From a plan to a baseline: dates, levelling, chains, buffer sizes; what a new baseline changes of the old."""
