"""Outage profiles on a real broker over TLS: shortened here, in full in the slow one."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.campaigns.outages import PROFILES, Profile, passed, run_profile

pytestmark = pytest.mark.broker
# Seconds of the bad line and the factor of the gateway's clock, in the short version.
SHORT = {
    "5 min x 5": (None, 150.0),
    "600 ms delay, 2 % stalls": (6.0, 1.0),
    "half-open": (11.0, 1.0),
    "corrupt bytes": (6.0, 1.0),
    "RST every 2 s": (6.0, 1.0),
}
SHORT_KEEPALIVE_S = 5


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SHORT)
def test_a_short_bad_line_loses_nothing(name: str, tmp_path: Path) -> None:
    profile = next(profile for profile in PROFILES if profile.name == name)
    seconds, factor = SHORT[name]
    if seconds is not None:
        profile = dataclasses.replace(profile, seconds=seconds)
    result = run_profile(profile, tmp_path, factor, SHORT_KEEPALIVE_S)
    assert passed(result), json.dumps(result)
    if name == "half-open":
        first_s = result["first_disconnect_s"]
        assert isinstance(first_s, float) and first_s <= 2 * SHORT_KEEPALIVE_S + 1.0, json.dumps(result)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_bad_line_loses_nothing(profile: Profile, tmp_path: Path) -> None:
    result = run_profile(profile, tmp_path, factor=20.0)
    print(json.dumps(result))
    assert passed(result), json.dumps(result)
    if profile.name == "half-open":
        first_s = result["first_disconnect_s"]
        assert isinstance(first_s, float) and first_s <= 40.0, json.dumps(result)


def test_the_judge_finds_what_is_wrong() -> None:
    well: dict[str, object] = {"lost": 0, "twice": 0, "inversions": 0, "drained_s": 1.0}
    well |= {"threads": [5, 5], "descriptors": [20, 19]}
    assert passed(well)
    for wrong in ({"lost": 1}, {"twice": 1}, {"inversions": 1}, {"drained_s": None}, {"threads": [5, 6]}):
        assert not passed(well | wrong), wrong
    assert not passed(well | {"descriptors": [20, 21]})
