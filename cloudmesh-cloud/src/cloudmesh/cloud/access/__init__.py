"""How one gets into a machine: as which user, to which address, by which way, and whose key must answer."""
