"""What runs by itself: the dispatcher, and housekeeping by the clock."""
