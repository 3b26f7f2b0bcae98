"""The alert rules, one file each: what is read, and the pure question whether it is wrong."""
