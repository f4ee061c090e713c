"""Accounts, login, sessions on the server, API tokens."""
