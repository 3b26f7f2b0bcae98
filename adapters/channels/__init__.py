"""Channels of alerts: robots of chats, webhooks, mail, a log."""
