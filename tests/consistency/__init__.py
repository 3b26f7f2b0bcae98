"""Tests of the two stores against each other."""
