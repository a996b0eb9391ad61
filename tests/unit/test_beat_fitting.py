"""Whether the arguments of a tick fit is answered as the task itself answers its caller, and once for many ticks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from celeriac import Celery
from celeriac.arguments import Misfit
from celeriac.beat import fitting
from celeriac.beat.fitting import Fitting
from tests.unit import djangosample as sample


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("shop", broker="memory://", set_as_current=False)
    app.task(name="tick")(lambda word, times=1: None)
    yield app
    app.close()


@pytest.mark.parametrize(("args", "kwargs"), [(["a"], {}), (["a", 2], {}), ([], {"word": "a"}), (["a"], {"times": 2})])
def test_what_fits_is_passed_over_in_silence(app: Celery, args: list[Any], kwargs: dict[str, Any]) -> None:
    Fitting(app).check("tick", args, kwargs)


def test_what_does_not_fit_is_refused_each_time(app: Celery) -> None:
    known = Fitting(app)
    for _ in range(2):
        with pytest.raises(Misfit, match=r"tick\(word, times=1\) cannot be called so: the argument 'word' is missing"):
            known.check("tick", [], {"times": 1})


def test_a_signature_is_read_once_for_all_ticks_of_one_shape(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = fitting.check_arguments
    monkeypatch.setattr(fitting, "check_arguments", lambda *call: [asked.append(call), real(*call)])
    known = Fitting(app)
    for number in range(100):
        known.check("tick", [number], {"times": number})
    assert len(asked) == 1


def test_a_task_of_django_that_takes_its_context_is_called_without_it(app: Celery) -> None:
    with sample.known_to(app):
        look = next(task for name, task in app.tasks.items() if name.endswith(".look"))
        fitting.check_arguments(look, [], {"save": True})
        with pytest.raises(Misfit, match="too many arguments by position"):
            fitting.check_arguments(look, ["a", "b"], {})
