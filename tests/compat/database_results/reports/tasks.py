import time

from celery import shared_task


@shared_task(bind=True)
def build(self, kind, seconds):
    self.update_state(state="PROGRESS", meta={"kind": kind})
    time.sleep(seconds)
    return {"kind": kind, "rows": 3}
