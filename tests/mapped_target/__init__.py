"""Tests of targets by a map."""
