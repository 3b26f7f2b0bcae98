"""Tests of the audit tree, its checkpoints, bundles and checks."""
