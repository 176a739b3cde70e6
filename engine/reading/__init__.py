"""Reading: the state of projects, their baselines, and events with why they fired."""
