"""Into machines by OpenSSH: commands on many at once, files there and back, tunnels."""
