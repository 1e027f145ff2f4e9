"""From doc_path to documents: files and websites.

`documents.py` has the verbs. `sources.py` finds what doc_path names, a module of `files/` reads
each type of file, `web/` reads the pages of a sitemap, `workers.py` runs the parsers of untrusted
formats in processes of their own, and `assemble.py` makes a Document of the text. `tables.py`
reads the tables that people write.
"""
