push(now())
finish()
