"""Reports over the store: the table, the file of comma-separated values, the picture."""
