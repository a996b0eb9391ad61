"""The Django project in which Celeriac is measured."""
