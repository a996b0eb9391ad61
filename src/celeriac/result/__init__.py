"""What became of a job (celery.result): ``AsyncResult`` asks the store, ``EagerResult`` already knows."""

from __future__ import annotations

from celeriac.result.asynchronous import AsyncResult, ResultBase, result_from_tuple
from celeriac.result.eager import EagerResult
from celeriac.result.joining import allow_join_result, assert_will_not_block, denied_join_result

__all__ = [
    "AsyncResult",
    "EagerResult",
    "ResultBase",
    "allow_join_result",
    "assert_will_not_block",
    "denied_join_result",
    "result_from_tuple",
]
