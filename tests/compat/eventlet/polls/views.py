from celery.result import AsyncResult
from django.http import JsonResponse
from polls.tasks import count


def start(request):
    res = count.delay(3)
    return JsonResponse({"task_id": res.task_id})


def result(request, task_id):
    res = AsyncResult(task_id)
    return JsonResponse({"status": res.status, "result": res.result if res.ready() else None})
