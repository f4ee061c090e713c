"""Requests: the machine, its table, lists and pages."""
