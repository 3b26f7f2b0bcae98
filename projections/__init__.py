"""Read models: pure folds of the log into tables that can be thrown away and built again."""
