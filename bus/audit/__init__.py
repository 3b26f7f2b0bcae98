"""A history that proves itself: every event a leaf of one Merkle tree, its root signed and witnessed (R25)."""
