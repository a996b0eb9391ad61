"""``celeriac demo``: a site in a folder of its own, one scripted visit to it, and a board that shows what its jobs did.

The site itself is the Django project in ``example/``, which a wheel holds as ``celeriac/demo/example``.
"""
