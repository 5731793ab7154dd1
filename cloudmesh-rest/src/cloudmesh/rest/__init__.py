"""The REST services: machines on all clouds over HTTP, as the shell and Python have them."""
