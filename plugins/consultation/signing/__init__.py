"""Who may sign, and with which image."""
