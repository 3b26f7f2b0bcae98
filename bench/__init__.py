"""The bench: what the bus does in a second, each figure beside the bare limit of its parts in the same run."""
