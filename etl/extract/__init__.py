"""Extract: asks the vendor, page by page and history by history, at the pace that its server allows."""
