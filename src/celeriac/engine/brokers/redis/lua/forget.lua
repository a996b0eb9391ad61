-- ARGV: numbers ... Deletes the records of ended jobs. Returns how many.
local gone = forget(ARGV)
finish()
return gone
