"""QIDO-RS and WADO-RS (PS3.18), for the owner and for openings."""
