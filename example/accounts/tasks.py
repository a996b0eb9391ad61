"""What accounts do in the background."""

from __future__ import annotations

import smtplib

from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from celeriac import shared_task
from celeriac.utils.log import get_task_logger

logger = get_task_logger(__name__)


# A mail server that says "not now" (it does, see driver/postoffice.py) is asked again after 1, 2, 4, ... seconds.
@shared_task(autoretry_for=(smtplib.SMTPException, OSError), retry_backoff=True, retry_jitter=False, max_retries=6)
def send_welcome(user_id: int) -> str:
    """Send the welcome e-mail; return the address it went to."""
    user = User.objects.get(pk=user_id)
    body = render_to_string("accounts/welcome.txt", {"user": user})
    EmailMessage("Welcome to the kitchen garden", body, to=[user.email]).send()
    logger.info("The post office accepted the welcome for %s.", user.email)
    return user.email
