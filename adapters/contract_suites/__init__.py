"""The duties of adapters as tests that any package can run on its own: a suite for sources, one for targets."""
