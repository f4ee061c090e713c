"""Notices of a tenant as signed webhooks."""
