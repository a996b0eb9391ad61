import os
import time

from celery import shared_task


@shared_task(bind=True)
def build(self, kind, export):
    """Build a report once somebody has exported the data."""
    self.update_state(state="PROGRESS", meta={"kind": kind})
    while not os.path.exists(export):
        time.sleep(0.1)
    return {"kind": kind, "rows": 3}
