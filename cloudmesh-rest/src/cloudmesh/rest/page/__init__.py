"""The page at ``/``: what is served of it, and the files that a browser gets, which are used as they are."""
