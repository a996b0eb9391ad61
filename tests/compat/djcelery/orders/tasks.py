from celery import task
from celery.task import periodic_task
from celery.task.schedules import crontab


@task()
def close_orders():
    return "closed"


@task(name="orders.total")
def total(prices):
    return sum(prices)


@periodic_task(run_every=crontab(minute=0, hour=0))
def clean_up():
    return None
