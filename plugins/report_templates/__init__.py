"""Report layouts and the A4 print of a report."""
