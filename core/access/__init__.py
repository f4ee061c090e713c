"""Grants and openings: the one way to see a study that is not your tenant's."""
