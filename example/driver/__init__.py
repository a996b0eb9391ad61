"""What ``demo.py`` is made of: a post office, the site's processes, a visitor, and a board that shows what happens."""
