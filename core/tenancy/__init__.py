"""Tenants, their connections, members and roles; the sessions that keep tenants apart."""
