"""Lists of records: kept by column, filtered, sorted, and cut to some of their columns."""
