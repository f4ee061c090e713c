"""What a hospital owes a diagnosis group: the tariff of each connection, quotes and charges."""
