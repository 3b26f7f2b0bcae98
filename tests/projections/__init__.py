"""Read models: pure folds first, then on real parts."""
