"""From a plan to a baseline: dates, levelling, chains, buffer sizes; and what a new baseline changes in the old one."""
