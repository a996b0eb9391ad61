from __future__ import absolute_import

import celeriac

celeriac.install_as_celery()

from .celery import app as celery_app
