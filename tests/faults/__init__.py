"""Faults: load through the public doors, something breaks, and a checker judges what every command came to."""
