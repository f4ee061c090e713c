"""The report sheet of one hospital: its letterhead, key images in two columns, a QR code with its own text."""
