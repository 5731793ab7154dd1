"""The process that serves: where it listens, how it is started and stopped."""
