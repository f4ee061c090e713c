"""What a renderer of reports needs to print: the faces, Chinese lines, measured pictures, a QR code, and a closed PDF maker.

Heavy: imports reportlab and xhtml2pdf. Import it where a report is drawn, not in ``plugin.py``.
"""
