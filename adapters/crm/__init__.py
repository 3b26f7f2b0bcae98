"""The CRM's door: signed webhooks (Standard Webhooks) become commands. `wire` and `status` hold the CRM's words."""
