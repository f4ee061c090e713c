"""Report texts: drafts, numbered versions, digests."""
