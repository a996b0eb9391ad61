-- ARGV: numbers ... Returns the rows of those that exist.
return rows_of(ARGV)
