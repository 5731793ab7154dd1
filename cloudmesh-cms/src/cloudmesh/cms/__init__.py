"""What a user installs: the program ``cms``, its interactive shell, completion, and the care of plug-ins."""
