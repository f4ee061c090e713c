"""Plugins: discovery, registry, hooks, capabilities, gate, contexts."""
