"""Tests of what programs are made of."""
