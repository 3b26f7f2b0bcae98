"""The routes, one file a feature."""
