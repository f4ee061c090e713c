"""What lets a plugin be tried: a house for its tests, its first files, and the check of an installed package."""
