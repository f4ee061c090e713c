"""Pytest fixtures for plugin authors. Imports nothing, so that it costs nothing where it is not used."""
