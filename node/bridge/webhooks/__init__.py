"""Webhooks in the Standard Webhooks form (docs/webhooks.md)."""
