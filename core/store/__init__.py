"""Bytes by digest: durable before they are acknowledged, insert-only."""
