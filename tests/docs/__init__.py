"""The docs: drawn pages that are not stale, and hand-written ones whose names all exist."""
