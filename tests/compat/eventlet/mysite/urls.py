from django.urls import path
from polls import views

urlpatterns = [
    path("start/", views.start),
    path("result/<str:task_id>/", views.result),
]
