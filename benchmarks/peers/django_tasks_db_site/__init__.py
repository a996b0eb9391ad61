"""The Django project in which django-tasks-db is measured."""
