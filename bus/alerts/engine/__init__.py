"""The alert engine: readings into alerts that open and close, and alerts into messages on channels."""
