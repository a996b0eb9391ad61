-- Returns what time it is, as text.
return exact(now())
