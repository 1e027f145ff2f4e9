"""From doc_path to documents: files, sitemaps, records; the running text of each."""
