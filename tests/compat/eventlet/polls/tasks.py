import time

from mysite.celery import app


@app.task
def count(n):
    time.sleep(0.1)
    return list(range(n))
