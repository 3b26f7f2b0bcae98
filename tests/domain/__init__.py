"""Tests of the pure core: stories told as given, when, then, and properties of any history."""
