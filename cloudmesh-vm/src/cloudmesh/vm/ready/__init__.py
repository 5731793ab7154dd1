"""Until machines are ready: their ssh server answers, one can sign in, and cloud-init has ended."""
