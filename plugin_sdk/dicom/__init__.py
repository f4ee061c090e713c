"""What every door of the house needs to know of a DICOM file (PS3.5, PS3.10) before anybody trusts it.

``guard`` looks at structure without decoding, ``header`` and ``json_model`` read values, ``charset`` mends text,
``frames`` finds pixels by byte range. Only ``render`` decodes pixels; run that in a limited child process.
"""
