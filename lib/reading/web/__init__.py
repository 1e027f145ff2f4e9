"""Pages of the web: `sitemap.py` lists them, `visitor.py` asks politely, `fetch.py` safely."""
