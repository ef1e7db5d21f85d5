"""The lighting program of YearTests.swift, worked out a second time with astral and zoneinfo.

Prints for each date given as an argument, and for each of its 1440 minutes of UTC, the levels of the three groups half a minute into it:
    2028-02-29T17:03Z 100 50 0
Nothing in here is taken from the gateway: sunrise and sunset are astral's, zones are Python's.
"""

import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from astral import LocationInfo
from astral.sun import sun

PLACE = LocationInfo("Duisburg", "", "UTC", 51.4508, 6.7339)
ZONE = ZoneInfo("Europe/Berlin")
UTC = timezone.utc
suns = {}


def sun_of(day):
    if day not in suns:
        suns[day] = sun(PLACE.observer, date=day)
    return suns[day]


def wall(day, hours, minutes=0):
    """The first moment at which the wall clock shows the time; one that is left out is taken by the offset before."""
    return datetime.combine(day, time(hours, minutes), ZONE).replace(fold=0).astimezone(UTC)


def night_of(moment):
    local = moment.astimezone(ZONE)
    return local.date() if local.hour >= 12 else local.date() - timedelta(days=1)


def latest(moment, steps):
    """The level of the latest of (moment, level)."""
    return max((s for s in steps if s[0] <= moment), key=lambda s: s[0])[1]


def days_around(moment):
    today = moment.astimezone(ZONE).date()
    return [today + timedelta(days=n) for n in range(-3, 3)]


def dusk_till_dawn(moment, night, before=0, after=0):
    begin = sun_of(night)["sunset"] + timedelta(minutes=before)
    end = sun_of(night + timedelta(days=1))["sunrise"] + timedelta(minutes=after)
    return begin <= moment < end


def street(moment):
    """standard: night; New Year's Eve and Saturdays in July: feast."""
    night = night_of(moment)
    if not dusk_till_dawn(moment, night, 10, -10):
        return 0
    if (night.month, night.day) == (12, 31) or (night.month == 7 and night.isoweekday() == 6):
        return 100
    steps = [(wall(day, 23), 50) for day in days_around(moment)]
    steps += [(wall(day, 5), 100) for day in days_around(moment)]
    return latest(moment, steps)


def path(moment):
    """Wall-clock period 17:30 to 08:15, steps in the hours that DST touches."""
    today = moment.astimezone(ZONE).date()
    if not any(wall(d, 17, 30) <= moment < wall(d + timedelta(days=1), 8, 15) for d in days_around(moment)):
        return 0
    steps = []
    for day in days_around(moment):
        steps += [(wall(day, 17, 30), 80), (wall(day, 2, 30), 20), (wall(day, 3, 15), 60)]
    return latest(moment, steps)


def square(moment):
    """Dusk till dawn; 70 % by the clock from 22:00, 90 % from 04:00; at most 40 % from 2 h after sunset to 1 h before sunrise; sent
    through a virtual output of 80 %, never below 30 %."""
    night = night_of(moment)
    if not dusk_till_dawn(moment, night):
        return 0
    steps = [(wall(day, 22), 70) for day in days_around(moment)]
    steps += [(wall(day, 4), 90) for day in days_around(moment)]
    level = latest(moment, steps)
    operations = []
    for day in days_around(moment):
        operations.append((sun_of(day)["sunset"] + timedelta(hours=2), 40))
        operations.append((sun_of(day)["sunrise"] - timedelta(hours=1), 100))
    level = min(level, latest(moment, operations))
    return max(level * 80 / 100, 30)


def main():
    for text in sys.argv[1:]:
        moment = datetime.combine(date.fromisoformat(text), time(0, 0, 30), UTC)
        for _ in range(1440):
            levels = " ".join(f"{group(moment):g}" for group in (street, path, square))
            print(f"{moment:%Y-%m-%dT%H:%MZ} {levels}")
            moment += timedelta(minutes=1)


main()
