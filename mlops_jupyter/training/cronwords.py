"""A cron rule in English: ``0 2 * * *`` is every day at 02:00."""

from __future__ import annotations

from mlops_jupyter.training.cron import DAYS, DESCRIPTORS, MONTHS, Every, Rule

_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def describe(rule: Rule) -> str:
    """Say when the rule fires; the rule as written where that would not be short."""
    if isinstance(rule, Every):
        hours, minutes, seconds = rule.seconds // 3600, rule.seconds // 60 % 60, rule.seconds % 60
        parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
        return "every " + " ".join(f"{count} {unit}" for count, unit in parts if count)
    fields = DESCRIPTORS.get(rule.text, rule.text).split()
    minute, hour, day, month, weekday = ("*" if part == "?" else part for part in fields)
    if not (minute.isdecimal() and hour.isdecimal()):
        every_day = (day, month, weekday) == ("*", "*", "*")
        return (every_day and _within_day(minute, hour)) or rule.text
    days = _days(day, month, weekday)
    return f"{days} at {int(hour):02}:{int(minute):02}" if days else rule.text


def _within_day(minute: str, hour: str) -> str:
    if hour == "*" and (minute == "*" or _is_even_step(minute, 60)):
        return "every minute" if minute == "*" else f"every {int(minute[2:])} minutes"
    if minute.isdecimal() and (hour == "*" or _is_even_step(hour, 24)):
        hours = "every hour" if hour == "*" else f"every {int(hour[2:])} hours"
        return f"{hours} at minute {int(minute)}" if int(minute) else hours
    return ""


def _is_even_step(text: str, whole: int) -> bool:
    """Whether it is a step such as ``*/15``; ``*/7`` of minutes is not every seven minutes."""
    step = text.removeprefix("*/")
    return text.startswith("*/") and step.isdecimal() and int(step) > 1 and whole % int(step) == 0


def _days(day: str, month: str, weekday: str) -> str:
    if (day, month, weekday) == ("*", "*", "*"):
        return "every day"
    if (day, month) == ("*", "*"):
        if weekday.lower() in ("1-5", "mon-fri"):
            return "Monday to Friday"
        number = _number(weekday, DAYS, 0)
        return "" if number is None else f"every {_DAY_NAMES[number]}"
    if weekday == "*" and day.isdecimal():
        if month == "*":
            return f"day {int(day)} of every month"
        number = _number(month, MONTHS, 1)
        return "" if number is None else f"{int(day)} {_MONTH_NAMES[number - 1]}"
    return ""


def _number(text: str, names: tuple[str, ...], first: int) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + first
    return int(text) if text.isdecimal() else None
