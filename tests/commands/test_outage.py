"""`gws outage`: the same draws for every way, results that survive a kill, a table that says what is compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from commands.outage import WAYS, OutageFigures
from commands.outage_study import AWAY_H, OutageResult, drawn, known_results, mend, outage_text, study_outages, table_of
from commands.site import load_site
from gw_spaceheat.errors import BadInput

SITE = load_site("beech")


def result(seed: int, way: str, even_usd: float, degree_hours: float = 0.0) -> OutageResult:
    run = drawn(SITE, "d1.beech", "x", "time-of-use", seed, way)  # type: ignore[arg-type]
    return OutageResult(run, OutageFigures(run.way, even_usd, even_usd, degree_hours, 1.0, 4, 0.0, 0.9))


def test_draws_are_the_same_for_every_way_and_differ_by_seed() -> None:
    runs = [drawn(SITE, "d1.beech", "x", "time-of-use", 3, way) for way in WAYS]
    assert len({(run.start_s, run.from_h, run.away_h) for run in runs}) == 1
    many = [drawn(SITE, "d1.beech", "x", "time-of-use", seed, "online") for seed in range(30)]
    assert all(AWAY_H[0] <= run.away_h <= AWAY_H[1] for run in many)
    assert min(run.away_h for run in many) < 6.0 and max(run.away_h for run in many) > 40.0
    assert len({run.start_s for run in many}) > 15


def test_the_table_compares_with_the_same_seed() -> None:
    results = [
        result(0, "online", 10.0),
        result(1, "online", 20.0),
        result(0, "rule", 12.0, 0.5),
        result(1, "rule", 21.0),
    ]
    lines = table_of(results).splitlines()
    assert lines[2].startswith("| online | 2 | 15.00 | +0.00 (0.00; +0.00) | +0.0 | 0.00 (0.00)")
    assert lines[3].startswith("| rule | 2 | 16.50 | +1.50 (0.71; +2.00) | +10.0 | 0.25 (0.50)")


def test_a_line_cut_short_is_cut_off_and_a_strange_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    done = [result(seed, "online", 10.0 + seed) for seed in range(2)]
    whole = "".join(one.line() + "\n" for one in done)
    path.write_text(whole + done[0].line()[:40])
    mend(path)
    assert path.read_text() == whole
    assert known_results(path) == done
    path.write_text('{"what": 1}\n')
    with pytest.raises(BadInput, match="line 1"):
        known_results(path)


def test_what_is_done_is_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    run = drawn(SITE, SITE.house.alias, "input data", "time-of-use", 0, "online")
    known = replace(result(0, "online", 77.0), run=run)
    path.write_text(known.line() + "\n")
    assert study_outages("beech", None, "time-of-use", 1, ["online"], 1, path) == [known]


@pytest.mark.parametrize(
    ("tariff", "ways", "seeds", "named"),
    [
        ("free", "online", 1, "tariff 'free'"),
        ("time-of-use", "magic", 1, "way 'magic'"),
        ("hourly", "online", 1, "needs a series"),
        ("time-of-use", "online", 0, "seeds 0"),
    ],
)
def test_wrong_input_is_named(tmp_path: Path, tariff: str, ways: str, seeds: int, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        outage_text("beech", None, tariff, seeds, ways, 1, tmp_path / "out.jsonl", False)


def test_a_wrong_option_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"out .*/no/x\.jsonl: cannot be written \(No such file or directory\)"):
        outage_text("beech", None, "time-of-use", 1, "online", 1, tmp_path / "no" / "x.jsonl", False)
    with pytest.raises(BadInput, match="workers 0: must be 1 to 256"):
        outage_text("beech", None, "time-of-use", 1, "online", 0, tmp_path / "x.jsonl", False)
