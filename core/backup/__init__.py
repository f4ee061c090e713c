"""Backup, verification, restore, release and the drill that proves them."""
