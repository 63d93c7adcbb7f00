"""`gws plan`: a file, a stream, a schema; what is printed and the exit codes."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from operator import neg
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from typer.testing import CliRunner

from commands.in_order import in_order
from commands.main import app
from commands.plan import Wishes, lines_of, plan_stream
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.planning.documents.case_json import read_case
from gw_spaceheat.planning.documents.parameters_document import parameters_text
from gw_spaceheat.planning.model.parameters import parameters_of

CASE: dict[str, Any] = {
    "name": "small",
    "start_utc": "2026-01-20T05:00:00Z",
    "step_minutes": {"minutes": 30, "steps": 8},
    "outdoor_temp_c": [-5.0] * 8,
    "price_usd_per_mwh": [90.0] * 4 + [400.0] * 4,
    "house": "beech",
    "state": {"store_c": [50.0, 45.0, 40.0], "buffer_c": 45.0, "zone_c": 20.0},
}
QUICK = Wishes(bound=False)
STEP_FIELDS = (
    "start_utc minutes hp_electric_kwh hp_heat_kwh store_heat_kwh store_energy_kwh store_top_c "
    "price_usd_per_mwh cost_usd reason unmet"
).split()
PLAN_FIELDS = (
    "total_cost_usd terminal_value_usd lower_bound_usd marginal_heat_usd_per_kwh bid unmet solve_seconds".split()
)


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(CASE))
    return path


def line(**changes: object) -> bytes:
    return json.dumps({**CASE, **changes}).encode() + b"\n"


def test_a_file_as_text(case_file: Path) -> None:
    result = CliRunner().invoke(app, ["plan", str(case_file), "--no-bound"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("small\n")
    assert "Tue 20 00:00" in result.stdout and "total cost" in result.stdout and "solved in" in result.stdout


def test_a_file_as_json_and_back_as_the_previous_plan(case_file: Path) -> None:
    result = CliRunner().invoke(app, ["plan", str(case_file), "--json", "--no-bound"])
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert set(PLAN_FIELDS) <= set(plan) and set(STEP_FIELDS) <= set(plan["steps"][0])
    assert len(plan["steps"]) == 8 and plan["steps"][1]["start_utc"] == "2026-01-20T05:30:00Z"
    assert plan["solve_seconds"] > 0.0
    again = read_case(line(previous_plan=plan), load_house).case
    assert again.previous is not None
    assert again.previous.steps[0].hp_electric_kwh == plan["steps"][0]["hp_electric_kwh"]


def test_a_picture(case_file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "plan.png"
    result = CliRunner().invoke(app, ["plan", str(case_file), "--no-bound", "--plot", str(picture)])
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "/nowhere/case.json"], "case /nowhere/case.json: cannot be read"),
        (["plan"], "which case?"),
        (["plan", "-", "--plot", "x.png"], "a stream of cases has no picture"),
    ],
)
def test_a_wrong_call_is_one_clear_error(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, BadInput) and message in str(result.exception)


def test_a_stream_answers_each_line_and_goes_on_after_a_bad_one() -> None:
    answers: list[str] = []
    lines = [line(), b"\n", line(step_minutes=[15, -5]), b'{"a": NaN}\n', b"\xff\n", line(name="last")]
    assert plan_stream(lines, answers.append, QUICK) == 2
    assert len(answers) == 5 and not any("\n" in answer for answer in answers)
    first, bad, nan, bytes_, last = map(json.loads, answers)
    assert len(first["steps"]) == len(last["steps"]) == 8
    assert bad["line"] == 3 and "line 3: step_minutes[1]: -5 must be above 0" in bad["error"]
    assert nan["error"] == "line 4: JSON: not finite (NaN)"
    assert bytes_["error"].startswith("line 5: JSON: not utf-8")


def without_seconds(answers: list[str]) -> list[object]:
    return [{name: value for name, value in json.loads(one).items() if name != "solve_seconds"} for one in answers]


@pytest.mark.timeout(120)
def test_two_processes_answer_in_the_order_of_the_lines() -> None:
    lines = [line(), line(step_minutes=[15, -5]), b"\n", line(outdoor_temp_c=[5.0] * 8), b"{}\n", line(name="last")]
    alone, two = list[str](), list[str]()
    assert plan_stream(lines, alone.append, QUICK) == 2
    assert plan_stream(lines, two.append, Wishes(bound=False, workers=2)) == 2
    assert without_seconds(two) == without_seconds(alone)
    assert [json.loads(one).get("line") for one in two] == [None, 2, None, 5, None]


@pytest.mark.timeout(120)
def test_an_answer_does_not_wait_for_the_next_line() -> None:
    answers: Queue[int] = Queue()

    def asking() -> Iterator[int]:
        for number in range(1, 4):
            yield number
            assert answers.get(timeout=60.0) == -number

    for answer in in_order(neg, asking(), 2):
        answers.put(answer)


@pytest.mark.parametrize("workers", [0, -1, 1000])
def test_a_number_of_processes_that_makes_no_sense_is_refused(workers: int) -> None:
    with pytest.raises(BadInput, match=f"workers {workers}: must be 1 to 256"):
        plan_stream([], list[str]().append, Wishes(workers=workers))


def test_compiled_says_where_numba_is_missing(case_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    for arguments in ([str(case_file)], ["-"]):
        result = CliRunner().invoke(app, ["plan", *arguments, "--no-bound", "--compiled"], input=line())
        assert isinstance(result.exception, BadInput) and "needs Numba" in str(result.exception)


def test_compiled_gives_the_same_plan() -> None:
    pytest.importorskip("numba")
    numpy, numba = list[str](), list[str]()
    plan_stream([line()], numpy.append, QUICK)
    plan_stream([line()], numba.append, Wishes(bound=False, compiled=True))
    usual, quick = json.loads(numpy[0]), json.loads(numba[0])
    assert [step["reason"] for step in quick["steps"]] == [step["reason"] for step in usual["steps"]]
    assert quick["total_cost_usd"] == pytest.approx(usual["total_cost_usd"], rel=1e-4)


@pytest.fixture
def fitted_file(tmp_path: Path) -> Path:
    """A fit that claims a load line 20 % steeper, and refuses the rest."""
    house = load_house("beech")
    believed = parameters_of(house.plumbing)
    steep = replace(believed, load=replace(believed.load, per_k_kw=1.2 * believed.load.per_k_kw))
    names = ("load_at_zero_kw", "load_per_k_kw", "house_capacity_kwh_per_k")
    document = {
        "type_name": "gws.planner.parameters",
        "version": "1",
        "house": house.alias,
        "parameters": json.loads(parameters_text(steep)),
        "estimates": [{"name": one, "source": "fit" if one == "load_per_k_kw" else "house file"} for one in names],
    }
    path = tmp_path / "beech.parameters.json"
    path.write_text(json.dumps(document))
    return path


def test_fitted_parameters_are_planned_with_and_named(fitted_file: Path) -> None:
    answers: list[str] = []
    plan_stream([line()], answers.append, QUICK)
    assert plan_stream([line(), line(house="fir")], answers.append, Wishes(bound=False, parameters=fitted_file)) == 2
    usual, fitted, of_fir = map(json.loads, answers)
    assert usual["parameters_version"] == "house"
    assert fitted["parameters_version"].startswith("fit-")
    given_kwh = [sum(step["house_heat_kwh"] for step in plan["steps"]) for plan in (usual, fitted)]
    assert given_kwh[1] > given_kwh[0] + 0.5, "0.2 kW more in four hours at -5 C"
    assert "line 2: house: parameters are of" in of_fir["error"] and of_fir["error"].endswith("fir")


def test_parameters_of_the_case_and_fitted_ones_are_one_too_many(fitted_file: Path) -> None:
    believed = {
        "load": {"at_zero_kw": 4.0, "per_k_kw": -0.2},
        "emitters": {"heat_kw": [0, 9], "water_c": [25, 60], "drop_k_per_kw": 1.2},
        "house": {"capacity_kwh_per_k": 3.0},
    }
    case = {**CASE, "parameters": believed}
    del case["house"]
    answers: list[str] = []
    assert plan_stream([json.dumps(case).encode()], answers.append, Wishes(bound=False, parameters=fitted_file)) == 2
    assert "parameters: the case has its own" in answers[0]


def test_a_stream_outlives_numbers_too_large_to_be_said() -> None:
    answers: list[str] = []
    slot = {"start_utc": "2026-01-20T05:00:00Z", "end_utc": "2026-01-20T06:00:00Z", "energy_kwh": 1e9}
    assert plan_stream([line(commitments=[slot]), line()], answers.append, QUICK) == 2
    absurd, good = map(json.loads, answers)
    assert absurd["line"] == 1 and absurd["error"].startswith("line 1: plan: objective_usd: "), absurd
    assert absurd["error"] == absurd["problems"][0]
    assert "must be 1e+09 or less" in absurd["error"]
    assert len(good["steps"]) == 8


def test_a_line_beyond_all_measure_is_refused_without_being_read_whole() -> None:
    class Counted(io.BytesIO):
        most = 0

        def readline(self, size: int | None = -1) -> bytes:
            line = super().readline(size)
            self.most = max(self.most, len(line))
            return line

    file = Counted(b"x" * 1000 + b"\n" + b"short\n" + b"y" * 99 + b"\n" + b"z" * 300)
    assert [len(line) for line in lines_of(file, 100)] == [101, 6, 100, 101]
    assert file.most == 101


def test_a_line_too_long_is_told_as_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.plan.LARGEST_CASE_BYTES", 2000)
    answers: list[str] = []
    assert plan_stream([b"[" * 2001, line()], answers.append, QUICK) == 2
    long, good = map(json.loads, answers)
    assert long["error"] == "line 1: more than 2000 bytes, must be so many or less" and len(good["steps"]) == 8


def test_scenarios_and_a_demand_charge_are_refused_by_line() -> None:
    answers: list[str] = []
    both = line(scenarios=[{"probability": 1.0}], demand_charge={"usd_per_kw": 5.0})
    assert plan_stream([line(name="fine"), both], answers.append, QUICK) == 2
    refused = json.loads(answers[1])
    assert refused["error"].startswith("line 2: demand_charge: the case has scenarios and a demand charge")


UNCERTAIN: dict[str, Any] = {
    "step_minutes": {"minutes": 60, "steps": 12},
    "outdoor_temp_c": [-10.0] * 12,
    "price_usd_per_mwh": [120.0] + [100.0] * 11,
}


def planned(**changes: object) -> dict[str, Any]:
    answers: list[str] = []
    plan_stream([line(**{**UNCERTAIN, **changes})], answers.append, QUICK)
    answer: dict[str, Any] = json.loads(answers[0])
    return answer


def test_scenarios_say_when_they_change_the_first_action() -> None:
    spike = {"probability": 1 / 3, "price_usd_per_mwh": [120.0] + [3000.0] * 11}
    plan, careful = planned(), planned(scenarios=[{"probability": 2 / 3}, spike])
    assert plan["uncertainty"] is None
    found = careful["uncertainty"]
    assert found["changed"] and found["first_action"] != found["certain_action"] and found["worth_usd"] > 0.1
    assert min(found["expected_usd"], key=found["expected_usd"].get) == found["first_action"]
    assert careful["steps"][0]["hp_electric_kwh"] > plan["steps"][0]["hp_electric_kwh"] + 1.0

    def bought_kw(one: dict[str, Any]) -> float:
        """At the price that is forecast."""
        return [point["average_kw"] for point in one["bid"] if point["price_usd_per_mwh"] <= 120.0][-1]

    assert bought_kw(careful) > bought_kw(plan) + 1.0, "the bid weighs the futures as the plan does"
    unchanged = planned(scenarios=[{"probability": 0.5}, {"probability": 0.5}])["uncertainty"]
    assert not unchanged["changed"] and unchanged["worth_usd"] == 0.0


def test_the_table_says_what_uncertainty_changed(tmp_path: Path) -> None:
    spike = {"probability": 1 / 3, "price_usd_per_mwh": [120.0] + [3000.0] * 11}
    path = tmp_path / "uncertain.json"
    path.write_bytes(line(**UNCERTAIN, scenarios=[{"probability": 2 / 3}, spike]))
    said = CliRunner().invoke(app, ["plan", str(path), "--no-bound"]).stdout
    assert "uncertainty         first full, hold instead of idle, hold: worth " in said


def test_a_demand_charge_flattens_the_plan() -> None:
    charge = {"usd_per_kw": 5.0, "peak_so_far_kw": 1.0}
    greatest_kwh = [
        max(step["hp_electric_kwh"] for step in one["steps"]) for one in (planned(), planned(demand_charge=charge))
    ]
    assert greatest_kwh[1] < 0.8 * greatest_kwh[0]


def test_scenarios_and_a_demand_charge_are_one_too_many() -> None:
    charge = {"usd_per_kw": 5.0, "peak_so_far_kw": 1.0}
    answer = planned(demand_charge=charge, scenarios=[{"probability": 1.0}])
    assert "scenarios and a demand charge" in answer["error"]


def test_where_every_step_is_committed_there_is_a_plan_and_no_bid() -> None:
    whole = {"start_utc": "2026-01-20T05:00:00Z", "end_utc": "2026-01-20T17:00:00Z", "energy_kwh": 24.0}
    plan = planned(commitments=[whole])
    assert len(plan["steps"]) == 12 and plan["bid"] == []


def test_a_stream_without_mistakes_ends_well() -> None:
    result = CliRunner().invoke(app, ["plan", "-", "--no-bound"], input=line() + line())
    assert result.exit_code == 0 and result.stdout.count("\n") == 2
    assert CliRunner().invoke(app, ["plan", "-"], input=b"").exit_code == 0
    assert CliRunner().invoke(app, ["plan", "-"], input=b"{}\n").exit_code == 2


def test_schema_names_what_is_read_and_written() -> None:
    result = CliRunner().invoke(app, ["plan", "--schema"])
    assert result.exit_code == 0
    schemas = json.loads(result.stdout)
    assert set(schemas) == {"case", "flo.params.house0", "plan"}
    # What is always written is promised: a reader of the schema need not ask whether it is there.
    assert set(PLAN_FIELDS) <= set(schemas["plan"]["required"])
    assert set(STEP_FIELDS) <= set(schemas["plan"]["$defs"]["StepJson"]["required"])
    assert {"start_utc", "step_minutes", "state"} <= set(schemas["case"]["required"])
    assert "HorizonHours" in schemas["flo.params.house0"]["required"]
