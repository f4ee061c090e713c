"""Prices of each connected hospital, from an Excel sheet."""
