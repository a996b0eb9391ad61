"""Schedules in words, in English and Chinese, and the hint at what is likely not meant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from celeriac.schedules import BaseSchedule, clocked, cron, crontab, every, rrule, schedule, solar
from celeriac.schedules.crontab_parser import WEEKDAYS

WORDS = [
    (crontab(), "every minute", "每分钟"),
    (crontab(0, 4), "at 04:00, every day", "每天，04:00"),
    (crontab(30, "4,16", "mon-fri"), "at 04:30 and 16:30, every Monday to Friday", "每星期一至星期五，04:30、16:30"),
    (crontab("*/15"), "every 15 minutes", "每 15 分钟"),
    (crontab("*/15", "9-17"), "every 15 minutes, 09:00-17:59, every day", "每天，09:00-17:59，每 15 分钟"),
    (crontab(30), "every hour, at minute 30", "每小时第 30 分"),
    (crontab(0, "*/2"), "every 2 hours, at minute 0, every day", "每天，每 2 小时，第 0 分"),
    (crontab("*", 4), "every minute, 04:00-04:59, every day", "每天，04:00-04:59，每分钟"),
    (crontab(0, 0, "mon", 1), "at 00:00, on day 1 of the month if that is Monday", "每月 1 日（且须为星期一），00:00"),
    (cron("0 0 1 * mon"), "at 00:00, on day 1 of the month or every Monday", "每月 1 日或每星期一，00:00"),
    (cron("0 0 1-31 * mon"), "at 00:00, every day", "每天，00:00"),
    (crontab(0, 0, "fri-mon"), "at 00:00, every Friday to Monday", "每星期五至星期一，00:00"),
    (crontab(0, 9, month_of_year="12"), "at 09:00, every day in December", "十二月每天，09:00"),
    (
        crontab(0, 9, day_of_month="1-7,15", month_of_year="nov-feb"),
        "at 09:00, on day 1 to 7 and 15 in November to February",
        "十一月至二月 1至7、15 日，09:00",
    ),
    (
        crontab("1,2,4", "22-3"),
        "every hour, at minute 1, 2 and 4, 22:00-03:59, every day",
        "每天，22:00-03:59，每小时第 1、2、4 分",
    ),
    (schedule(30), "every 30 seconds", "每 30 秒"),
    (every(1, "minute"), "every minute", "每分钟"),
    (schedule(timedelta(days=1, seconds=90)), "every 1 day 1 minute 30 seconds", "每 1 天 1 分钟 30 秒"),
    (every(100_000, "days"), "every 100000 days", "每 100000 天"),
    (every(1, "day"), "every 24 hours", "每 24 小时"),
    (every(0.5), "every 0.5 seconds", "每 0.5 秒"),
    (every(1, "hour", relative=True), "every hour, by the clock", "每小时（按钟点对齐）"),
    (crontab(0, 4, tz="Asia/Shanghai"), "at 04:00, every day (Asia/Shanghai)", "每天，04:00（Asia/Shanghai）"),
    (
        clocked("2027-01-31T04:00", tz="UTC"),
        "once, at 2027-01-31 04:00:00+00:00 (UTC)",
        "仅一次，2027-01-31 04:00:00+00:00（UTC）",
    ),
    (solar("sunset", 52.5, 13.4), "at sunset at 52.5, 13.4", "52.5, 13.4 处的日落"),
    (
        rrule("FREQ=DAILY"),
        "by the rule FREQ=DAILY, from 2000-01-01 00:00:00 on",
        "按规则 FREQ=DAILY，自 2000-01-01 00:00:00 起",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "english", "chinese"), WORDS, ids=[english for _, english, _ in WORDS])
def test_a_schedule_says_when_it_runs(one: BaseSchedule, english: str, chinese: str) -> None:
    assert one.describe("en") == english
    assert one.describe("zh-hans") == one.describe("zh_CN.UTF-8") == chinese


def test_the_language_is_that_of_the_moment_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celeriac.engine.translation._language", lambda: "zh-hans")
    assert crontab(0, 4).describe() == "每天，04:00"


@pytest.mark.parametrize("day", range(7))
def test_each_day_of_the_week_is_named(day: int) -> None:
    assert crontab(0, 4, day).describe("en") == f"at 04:00, every {WEEKDAYS[day].capitalize()}"


@pytest.mark.parametrize(
    ("one", "hint"),
    [
        (crontab(hour=4), "minute='*' with hour='4' runs every minute of it; write minute=0."),
        (crontab(day_of_month=1), "minute='*' with day_of_month='1' runs every minute of it; write minute=0."),
        (crontab(month_of_year="jan", hour=3), "with hour='3', month_of_year='jan' runs every minute of it"),
        (crontab(hour="*/2"), "with hour='*/2' runs every minute of it"),
        (cron("* 4 * * *"), "minute='*' with hour='4' runs every minute of it; write minute=0."),
    ],
    ids=repr,
)
def test_every_minute_of_an_hour_gets_a_hint(one: BaseSchedule, hint: str) -> None:
    assert hint in one.hint()


@pytest.mark.parametrize(
    "one", [crontab(), crontab("*", "0-23"), crontab(0, 4), crontab("*/5", 4), cron("@daily"), schedule(30)], ids=repr
)
def test_what_is_likely_meant_gets_no_hint(one: BaseSchedule) -> None:
    assert one.hint() == ""
