"""Extract: what the vendor answers, page by page and history by history. HTTP is spoken here only."""
