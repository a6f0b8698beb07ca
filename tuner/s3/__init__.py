"""S3, or a server that speaks its language, as a place where data comes from and results go to."""
