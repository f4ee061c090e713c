"""The web edge: gate, errors, headers, layout."""
