"""Logs, masking of personal data, and trace links."""
