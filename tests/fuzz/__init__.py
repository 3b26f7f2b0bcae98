"""Garbage at the doors: mutations of valid input, and the one judge of what may be answered to them."""
