"""What every part of Telerad stands on: contracts, and the DICOM code that more than one part needs.

The light half (``api``, ``types``, ``events``, ``consultation``, ``capabilities``, ``errors``, ``ids``, ``settings``,
``node``, ``dicom``) imports neither Flask nor SQLAlchemy; ``db``, ``lists`` and ``web`` are the other half.
"""
