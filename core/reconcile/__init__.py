"""Compare what the database says with what the store holds, and mend what can be mended without guessing."""
