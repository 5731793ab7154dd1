"""The one place that knows how sqlite and PostgreSQL differ."""
