"""Questions to the index, for the APIs and the pages: SQL with bound values only, bounded rows."""
