"""What ``cms rest`` does."""
