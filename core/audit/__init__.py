"""The operation log, one hash chain per tenant."""
