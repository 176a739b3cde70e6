"""What runs by itself: the dispatcher, and housekeeping on schedule."""
