"""The list engine: a declaration in, a page or JSON out."""
