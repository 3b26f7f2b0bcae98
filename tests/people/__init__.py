"""Tests of the directory of people and of routing."""
