"""Jobs that run while their clients are gone."""
