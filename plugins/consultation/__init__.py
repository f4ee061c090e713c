"""Requests for reports: the state machine, claims, drafts, sealed versions, review and confirmation."""
