"""The resources: each takes a request to what ``cms`` does, and gives its answer."""
