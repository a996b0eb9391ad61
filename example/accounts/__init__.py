"""Registration: answers at once, and leaves the welcome e-mail to a job."""
