"""A small storm: the campaign itself works, and its checker finds what it is to find."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.campaigns.storm import Storm, make_schedule, passed


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.timeout(300)
def test_a_small_storm_and_what_its_checker_finds(tmp_path: Path) -> None:
    storm = Storm(tmp_path, 3, make_schedule(3, 12))
    result = storm.run()
    assert passed(result), json.dumps(result)
    assert int(str(result["readings_stored"])) > 1000
    with sqlite3.connect(tmp_path / "ear" / "ear-messages.db") as db:
        db.execute("DELETE FROM message WHERE row = (SELECT row FROM message WHERE type_name = 'report' LIMIT 1)")
    broken = storm.check()
    assert broken["committed_readings_lost"] or broken["acked_events_lost"], "an event taken away is found"
    assert not passed(broken)


def test_a_schedule_is_made_of_its_seed() -> None:
    assert make_schedule(4, 50) == make_schedule(4, 50)
    assert make_schedule(4, 50) != make_schedule(5, 50)
    assert sum(len(targets) for _, targets, _ in make_schedule(4, 50)) >= 50
