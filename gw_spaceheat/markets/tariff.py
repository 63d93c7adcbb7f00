"""A time-of-use tariff from its file: seasons, windows, weekdays, holidays; no hour of any tariff is in the code."""

import json
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gw_spaceheat.errors import BadInput

DAY_S = 86_400
SLOT_MINUTES = 15
SLOT_S = 60 * SLOT_MINUTES
MOST_CACHED = 200_000

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DayOfYear = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
# Quarter hours: every time zone of today is a whole number of them, so a cache by quarter hour is exact.
ClockTime = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):(00|15|30|45)|24:00)$")]
Rate = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Season(Part):
    """Days of the year from `first_day` to `last_day`, both included; may pass over New Year."""

    name: str
    first_day: DayOfYear
    last_day: DayOfYear

    def holds(self, day: date) -> bool:
        text = f"{day.month:02d}-{day.day:02d}"
        if self.first_day <= self.last_day:
            return self.first_day <= text <= self.last_day
        return text >= self.first_day or text <= self.last_day


class Window(Part):
    """Hours of some weekdays with one price per season (USD/MWh)."""

    name: str
    on_peak: bool
    weekdays: tuple[Weekday, ...]
    hours: tuple[tuple[ClockTime, ClockTime], ...]
    usd_per_mwh: dict[str, Rate]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for start, end in self.hours:
            if start >= end:
                raise ValueError(f"hours {start}-{end}: the end must be later than the start")
        return self

    def holds(self, weekday: Weekday, clock: str) -> bool:
        return weekday in self.weekdays and any(start <= clock < end for start, end in self.hours)


class TariffFile(Part):
    """As written in input_data/tariffs. The first window that holds a moment gives its price."""

    name: str
    display_name: str
    provenance: str
    utc_offset_h: Annotated[float, Field(ge=-14, le=14, multiple_of=0.25)] | None
    timezone: str | None
    valid_from: date | None = None
    valid_to: date | None = None
    """First and last day, by the tariff's own clock; None: no such day is known."""
    seasons: tuple[Season, ...]
    holidays: tuple[date, ...] = ()
    windows: tuple[Window, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.utc_offset_h is None) == (self.timezone is None):
            raise ValueError("exactly one of utc_offset_h and timezone must be given")
        if self.valid_from is not None and self.valid_to is not None and self.valid_from > self.valid_to:
            raise ValueError(f"valid_from {self.valid_from} must not be later than valid_to {self.valid_to}")
        names = {season.name for season in self.seasons}
        for window in self.windows:
            if set(window.usd_per_mwh) != names:
                raise ValueError(
                    f"window {window.name}: prices for {sorted(window.usd_per_mwh)}, seasons are {sorted(names)}"
                )
        leap_year = (date(2020, 1, 1) + timedelta(days=number) for number in range(366))
        for day in leap_year:
            if sum(season.holds(day) for season in self.seasons) != 1:
                raise ValueError(f"{day:%m-%d} must be in exactly one season")
        for weekday in WEEKDAYS:
            for slot in range(DAY_S // SLOT_S):
                clock = _clock(slot * SLOT_MINUTES)
                if not any(window.holds(weekday, clock) for window in self.windows):
                    raise ValueError(f"{weekday} {clock} is in no window")
        return self


class Tariff:
    """Answers for any moment (epoch s); every quarter hour is worked out once and then looked up."""

    def __init__(self, file: TariffFile) -> None:
        self.name = file.name
        self.file = file
        self._zone = _zone(file)
        self._holidays = frozenset(file.holidays)
        self._slots: dict[int, tuple[float, bool]] = {}
        self._days: dict[int, tuple[tuple[float, float], ...]] = {}

    def rate_usd_per_mwh(self, time_s: float) -> float:
        """Distribution price at `time_s`."""
        return self._slot(int(time_s // SLOT_S))[0]

    def is_on_peak(self, time_s: float) -> bool:
        return self._slot(int(time_s // SLOT_S))[1]

    def why_not_valid(self, time_s: float) -> str:
        """Why it is not the tariff of that day; empty if it is. It still answers: nothing better is known."""
        day = datetime.fromtimestamp(time_s, UTC).astimezone(self._zone).date()
        if self.file.valid_from is not None and day < self.file.valid_from:
            return f"tariff {self.name} is valid from {self.file.valid_from}, today is {day}"
        if self.file.valid_to is not None and day > self.file.valid_to:
            return f"tariff {self.name} was valid to {self.file.valid_to}, today is {day}"
        return ""

    def on_peak_windows(self, from_s: float, to_s: float) -> list[tuple[float, float]]:
        """On-peak spans within [from_s, to_s), in order, cut off at both ends (start_s, end_s)."""
        spans: list[tuple[float, float]] = []
        for day in range(int(from_s // DAY_S), int(to_s // DAY_S) + 1):
            for start_s, end_s in self._day(day):
                start_s, end_s = max(start_s, from_s), min(end_s, to_s)
                if start_s >= end_s:
                    continue
                if spans and spans[-1][1] == start_s:
                    spans[-1] = (spans[-1][0], end_s)  # one window that passes over midnight UTC
                else:
                    spans.append((start_s, end_s))
        return spans

    def _slot(self, number: int) -> tuple[float, bool]:
        known = self._slots.get(number)
        if known is None:
            if len(self._slots) >= MOST_CACHED:
                self._slots.clear()
            known = self._slots[number] = self._work_out(number * SLOT_S)
        return known

    def _work_out(self, time_s: float) -> tuple[float, bool]:
        local = datetime.fromtimestamp(time_s, UTC).astimezone(self._zone)
        day = local.date()
        season = next(season.name for season in self.file.seasons if season.holds(day))
        # A holiday is priced as a Sunday: no tariff seen so far has a third kind of day.
        weekday = WEEKDAYS[6 if day in self._holidays else day.weekday()]
        clock = _clock(60 * local.hour + local.minute)
        window = next(window for window in self.file.windows if window.holds(weekday, clock))
        return window.usd_per_mwh[season], window.on_peak

    def _day(self, number: int) -> tuple[tuple[float, float], ...]:
        known = self._days.get(number)
        if known is None:
            first = number * DAY_S // SLOT_S
            flags = [self._slot(first + index)[1] for index in range(DAY_S // SLOT_S)]
            if len(self._days) >= MOST_CACHED:
                self._days.clear()
            known = self._days[number] = _spans(flags, number * DAY_S)
        return known


def load_tariff(path: Path) -> Tariff:
    """Read a tariff file. Raises BadInput with the file and every rule it breaks."""
    try:
        text = path.read_text("utf-8")
        json.loads(text)
        file = TariffFile.model_validate_json(text)
    except OSError as error:
        raise BadInput(f"tariff file {path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'tariff'}: {item['msg']}" for item in error.errors())
        raise BadInput(f"tariff file {path}: {problems}") from error
    except ValueError as error:
        raise BadInput(f"tariff file {path}: no valid JSON ({error})") from error
    return Tariff(file)


def _zone(file: TariffFile) -> tzinfo:
    if file.utc_offset_h is not None:
        return timezone(timedelta(hours=file.utc_offset_h))
    try:
        return ZoneInfo(file.timezone or "")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"tariff {file.name}: unknown timezone '{file.timezone}'") from error


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes - minutes % SLOT_MINUTES - minutes // 60 * 60:02d}"


def _spans(flags: list[bool], start_s: int) -> tuple[tuple[float, float], ...]:
    """Runs of True among quarter hours from `start_s`, as (start_s, end_s)."""
    spans: list[tuple[float, float]] = []
    begun: int | None = None
    for index, flag in enumerate([*flags, False]):
        if flag and begun is None:
            begun = index
        elif not flag and begun is not None:
            spans.append((float(start_s + begun * SLOT_S), float(start_s + index * SLOT_S)))
            begun = None
    return tuple(spans)
