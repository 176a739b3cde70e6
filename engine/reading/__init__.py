"""Reading: the state of projects, their baselines, events and why they fired."""
