"""Uploaded photos and files: what they are, where their bytes lie, who is given their address, and their end."""
