from __future__ import absolute_import

import time

from celery.decorators import task


@task
def send_email(address):
    print("sending to %s ..." % address)
    time.sleep(0.1)
    print("sent")
    return "sent to %s" % address
