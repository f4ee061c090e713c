"""Processes: the supervisor, the web server, the worker, the clock."""
