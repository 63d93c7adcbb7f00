"""`gws fit`: from a message store or a CSV file to a table or a JSON document."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from actors.atomic_tnode import AtomicTNode
from actors.local_controller import LocalController
from commands.fit import fit_text
from commands.history_files import history_of_csv, history_of_file
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.messages.envelope import Envelope, Header, encode
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.planning.fitting.document import fitted_of_text
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.storage.message_store import MessageStore

START_S = 1481518800
IDENTITY = "3e55a5a2-6b0f-4c2b-9b58-6f8f9f4c1a11"


def report_bytes(alias: str, slot: int) -> bytes:
    at_ms = 1000 * (START_S + 300 * slot)
    report = report_from(
        alias=f"{alias}.scada",
        instance_id=IDENTITY,
        about_alias=alias,
        slot_start_s=START_S + 300 * slot,
        slot_duration_s=300,
        readings={"oat": [(-3.25, at_ms), (-3.5, at_ms + 60_000)], "primary-flow": [(20.0, at_ms)]},
        telemetries={"oat": "AirTempCTimes1000", "primary-flow": "GpmTimes100"},
        message_id=IDENTITY,
        created_s=START_S + 300 * slot,
    )
    return encode(Envelope(Header(f"{alias}.scada", "ltn", "report", boot=1, seq=slot), report))


def test_reports_of_a_store_become_quantities(tmp_path: Path) -> None:
    house, path = load_house("beech"), tmp_path / "messages.db"
    store = MessageStore(path)
    for slot in range(4):
        store.put("scada", 1, slot, float(START_S), "report", report_bytes(house.alias, slot))
        store.put("other", 1, slot, float(START_S), "report", report_bytes("d1.isone.me.versant.keene.fir", slot))
    store.put("scada", 1, 99, float(START_S), "report", b"no message")
    store.close()
    readings = history_of_file(path, house).readings
    assert set(readings) == {"outdoor_c", "primary_flow_l_per_min"}
    assert readings["outdoor_c"].values.tolist() == [-3.25, -3.5] * 4
    assert readings["outdoor_c"].times_s[:3].tolist() == [START_S, START_S + 60.0, START_S + 300.0]
    assert readings["primary_flow_l_per_min"].values == pytest.approx([20.0] * 4, abs=0.02)


def test_a_store_without_this_house_is_said(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    with pytest.raises(BadInput, match="no such file"):
        history_of_file(path, load_house("beech"))
    store = MessageStore(path)
    store.put("scada", 1, 1, float(START_S), "report", report_bytes("d1.isone.me.versant.keene.fir", 1))
    store.close()
    with pytest.raises(BadInput, match="no report about d1"):
        history_of_file(path, load_house("beech"))


def test_csv_of_channels_or_quantities(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("time_utc,oat,hp_lwt_c\n2016-12-12T05:00:00Z,-3.25,\n2016-12-12T05:01:00Z,-3.5,44.0\n")
    readings = history_of_csv(path, load_house("beech")).readings
    assert readings["outdoor_c"].values.tolist() == [-3.25, -3.5]
    assert readings["hp_lwt_c"].times_s.tolist() == [START_S + 60.0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("time_utc,oats\n", "unknown: oats"),
        ("oat\n1.0\n", "needed are time_utc and channels of .*beech; time_utc is missing$"),
        ("", ":1: needed are time_utc and channels of .*beech; the file is empty$"),
        ("when,oat\n1.0\n", "time_utc is missing; unknown: when$"),
        ("time_utc,oat,\n", "unknown: a nameless column$"),
        ("time_utc,oat\nyesterday,1\n", ":2: time_utc is 'yesterday'"),
        ("time_utc,oat\n2016-12-12T05:00:00Z,warm\n", ":2: oat is 'warm'"),
        ("time_utc,oat\n2016-12-12T05:00:00Z\n", ":2: 1 cells"),
        ("time_utc,oat\n", "no reading"),
    ],
)
def test_csv_that_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=problem):
        history_of_csv(path, load_house("beech"))


def test_from_csv_to_parameters_of_the_house_file_with_reasons(tmp_path: Path) -> None:
    path, out = tmp_path / "history.csv", tmp_path / "parameters.json"
    path.write_text("time_utc,oat\n2016-12-12T05:00:00Z,-3.25\n2016-12-12T05:01:00Z,-3.5\n")
    text = fit_text("beech", None, path, None, None, 0, False, out)
    assert "load_per_k_kw [kW/K]" in text and "no channel measures supply and return" in text
    parameters = fitted_of_text(out.read_text()).of(load_house("beech"))
    assert parameters.version == "house"
    assert parameters.load.per_k_kw == pytest.approx(-0.207)
    document = json.loads(fit_text("beech", None, path, None, None, 0, True, None))
    assert {one["source"] for one in document["estimates"]} == {"house file"}


def test_exactly_one_source_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="exactly one of"):
        fit_text("beech", None, None, None, None, 0, False, None)
    with pytest.raises(BadInput, match="exactly one of"):
        fit_text("beech", tmp_path / "a.db", None, 14.0, None, 0, False, None)


def test_simulated_days_need_no_actors() -> None:
    text = fit_text("orange", None, None, 1.0, "2016-12-12T05:00:00Z", 0, False, None)
    assert "d1.isone.me.versant.keene.orange, 1.0 days" in text and "5 are needed" in text


def test_what_was_fitted_is_what_the_atomic_tnode_plans_with(tmp_path: Path) -> None:
    """History, `gws fit`, AtomicTNode: plan, policy and log say which parameters were used."""
    out, start_s = tmp_path / "beech.parameters.json", datetime.fromisoformat("2016-12-26T05:00:00+00:00").timestamp()
    fit_text("beech", None, None, 12.0, "2016-12-12T05:00:00Z", 1, False, out)
    fitted = fitted_of_text(out.read_text())
    assert len(fitted.claimed) >= 8
    document = json.loads(out.read_text())
    for one in document["estimates"]:
        if one["name"] == "lift_k":
            one |= {"source": "house file", "reason": "for the test"}
    out.write_text(json.dumps(document))
    site = load_site("beech", parameters=out)
    lines: list[tuple[str, str, str]] = []
    house = VirtualHouse(site, start_s, 1, sink=lambda at_s, who, kind, text: lines.append((who, kind, text)))
    house.run_until(start_s + 660.0)
    atn, believed = house.runtime._addresses["atn"].actor, parameters_of(site.house.plumbing)
    assert isinstance(atn, AtomicTNode) and atn._solution is not None and atn.plan is not None
    used = atn._solution.case.parameters
    assert used.house.capacity_kwh_per_k == fitted.parameters.house.capacity_kwh_per_k
    assert used.emitters == fitted.parameters.emitters != believed.emitters
    assert used.heat_pump is not None and believed.heat_pump is not None
    assert used.heat_pump.lift_k == believed.heat_pump.lift_k
    version = atn.plan.parameters_version
    assert version.startswith("fit-") and version != fitted.parameters.version, "one parameter less: other numbers"
    local = house.runtime._addresses["local-controller"].actor
    assert isinstance(local, LocalController) and local._policy is not None
    assert local._policy.parameters.version == version
    ((_, _, said),) = [line for line in lines if line[:2] == ("atn", "parameters")]
    assert (
        said.startswith(f"{version}, fitted: ") and "refused by the fit: " in said and "lift_k (for the test)" in said
    )


def test_parameters_of_no_use_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    for data, problem in (
        (b"\xff", "no JSON"),
        (b"[]", "must be an object with type_name"),
        (
            b'{"type_name": "gws.planner.parameters", "version": "1", "house": "x"}',
            "parameters: missing; estimates: missing",
        ),
    ):
        file.write_bytes(data)
        with pytest.raises(BadInput, match=problem) as caught:
            load_site("beech", parameters=file)
        assert str(file) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="cannot be read"):
        load_site("beech", parameters=tmp_path / "none.json")
