"""Real OpenSSH servers on loopback that pretend to be many machines, some of which fail as machines do."""
