"""Who may do what: tokens, sessions, and the guard before all requests."""
