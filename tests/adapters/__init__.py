"""The doors to other systems, tried from outside."""
