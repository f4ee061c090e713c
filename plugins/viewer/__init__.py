"""Diagnostic viewing: OHIF served by us, and the way of a key image from it into a report."""
