"""The CRM: signed webhooks (Standard Webhooks) into commands, and status callbacks; `wire`, `status` hold its words."""
