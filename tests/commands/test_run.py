"""The runs as a person starts them: real processes, hard time limits, loopback only."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.run import Lines, Sieve
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from tests.fixtures.programs import LIMIT_S, Start, free_port

HOUSES = "input_data/houses"


@pytest.fixture
def orderly() -> Iterator[None]:
    """The runs take SIGINT and SIGTERM for themselves; pytest wants them back."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


SIMULATE = ("run_local", "--simulate")
WRONG = [
    ([*SIMULATE, "--house", "beach"], "", ["'beach'", "no such house", "beech"]),
    ([*SIMULATE, "--house", "broken.json"], "", ["broken.json", "line 1 column", "no valid JSON"]),
    ([*SIMULATE, "--series", "series.csv"], "", ["series.csv:2", "'mild'", "must be a finite number"]),
    ([*SIMULATE, "--series", "absent.csv"], "", ["absent.csv", "No such file"]),
    ([*SIMULATE, "--start", "noon"], "", ["--start", "'noon'", "must be an ISO time"]),
    ([*SIMULATE, "--start", "2040-01-01"], "", ["--start 2040-01-01", "holds 2016-10-01"]),
    ([*SIMULATE, "--speed", "fast"], "", ["--speed", "'fast'", "at most 300"]),
    ([*SIMULATE, "--speed", "nan"], "", ["--speed", "'nan'", "above 0"]),
    ([*SIMULATE, "--seconds", "-1"], "", ["--seconds", "'-1'", "above 0"]),
    ([*SIMULATE, "--hosue", "beech"], "", ["unrecognized arguments", "--hosue"]),
    ([*SIMULATE], "GWS_DATA_FOLDER=a_file", ["data folder a_file", "must be a folder"]),
    (["run_local", "--speed", "5"], "", ["--speed", "need --simulate"]),
    (["run_local"], "GWS_DATA_FOLDER=a_file", ["data folder a_file", "must be a folder"]),
    (["run_atn", "--house", "beach"], "", ["'beach'", "no such house", "beech"]),
    (["run_atn", "--series", "series.csv"], "", ["series.csv:2", "'mild'", "must be a finite number"]),
    (["run_ear"], "GWS_CLOUD__PORT=door", ["GWS_CLOUD__PORT", "'door'", "valid integer"]),
    (["run_ear"], "GWS_CLUOD__PORT=1883", ["GWS_CLUOD__PORT", "no such setting"]),
    (["run_ear"], "GWS_DATA_FOLDER=a_file", ["data folder a_file", "must be a folder"]),
    (["run_ear"], "GWS_CLOUD__TLS__ENABLED=true\nGWS_CLOUD__TLS__CA_PATH=absent.pem", ["absent.pem", "No such file"]),
    (["try_actors", "--actors", "boiler"], "", ["--actors boiler", "no such actor", "power-meter"]),
]


def write_wrong_files(folder: Path) -> None:
    (folder / "broken.json").write_text('{"alias": "d1.house", ')
    (folder / "series.csv").write_text("time_utc,outdoor_temp_c\n2016-12-12T05:00:00Z,mild\n")
    (folder / "a_file").touch()


def check_one_line(code: int, errors: list[str], words: list[str]) -> None:
    assert code == 2
    assert len(errors) == 1 and errors[0].startswith("error: "), errors
    assert [word for word in words if word not in errors[0]] == [], errors[0]


@pytest.mark.usefixtures("orderly")
@pytest.mark.parametrize(("command", "env", "words"), WRONG, ids=lambda value: str(value)[:50])
def test_wrong_input_is_one_line_with_thing_value_and_rule(
    command: list[str], env: str, words: list[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_wrong_files(tmp_path)
    (tmp_path / ".env").write_text(env + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", command)
    try:
        code = importlib.import_module(command[0]).main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    check_one_line(code, capsys.readouterr().err.splitlines(), words)


def test_wrong_input_ends_a_process_with_code_2(start: Start, tmp_path: Path) -> None:
    """The same from outside: nothing is added to the one line, and nothing keeps the process alive."""
    write_wrong_files(tmp_path)
    cases = [
        (start("run_local.py", "--simulate", "--house", "beach"), ["'beach'"]),
        (start("run_atn.py", "--house", str(tmp_path / "broken.json")), ["broken.json"]),
        (start("run_ear.py", GWS_DATA_FOLDER=str(tmp_path / "a_file")), ["data folder"]),
    ]
    for run, words in cases:
        check_one_line(*run.end(), words)


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_a_refused_password_ends_the_cloud_programs_but_not_a_house(
    start: Start, repository: Path, tmp_path: Path
) -> None:
    broker = EmbeddedBroker(folder=tmp_path / "broker", username="scada", password="right", kind="mosquitto")
    broker.start()
    try:
        link = {
            "GWS_CLOUD__PORT": str(broker.port), "GWS_CLOUD__USERNAME": "scada", "GWS_CLOUD__PASSWORD": "wrong"
        }  # fmt: skip
        house = start("run_local.py", "--house", str(house_without_hardware(repository, tmp_path)), **link)
        refused = [
            start("run_ear.py", **link),
            start("run_atn.py", **link),
            start("run_local.py", "--simulate", **link),
        ]
        for run in refused:
            code, errors = run.end()
            assert code == 2
            assert len(errors) == 1, errors
            assert f"broker 127.0.0.1:{broker.port}: refused user 'scada'" in errors[0]
        assert house.wait_for("gateway-cloud", "warning", "auth-refused for user 'scada'")
        assert house.process.poll() is None, "a house heats on, whoever refuses it"
        house.process.send_signal(signal.SIGTERM)
        assert house.end() == (0, [])
        assert len(house.containing("auth-refused")) == 1
    finally:
        broker.stop()


def house_without_hardware(repository: Path, folder: Path) -> Path:
    """Pins, meter and thermometers as in the file, but nothing of it on this machine, and no packet leaves it."""
    path = folder / "orange.json"
    text = (repository / HOUSES / "orange.json").read_text()
    text = text.replace("192.168.1.50:502", f"127.0.0.1:{free_port()}")
    path.write_text(text.replace("/sys/bus/w1/devices", str(folder / "no-such-bus")))
    return path


def test_a_house_without_broker_and_without_hardware_runs_on_and_warns_once_for_each(
    start: Start, repository: Path, tmp_path: Path
) -> None:
    house = start("run_local.py", "--house", str(house_without_hardware(repository, tmp_path)), "--seconds", "3")
    assert house.end() == (0, [])
    warnings = house.containing(" warning ")
    for actor in ("gateway-cloud", "gateway-local", "power-meter", "relay-boost", "relay-circulator", "tank1-depth1"):
        assert len([line for line in warnings if f" {actor} " in line]) == 1, actor
    assert "unreachable" in next(line for line in warnings if "gateway-cloud" in line)
    assert "gpio 5" in next(line for line in warnings if "relay-boost" in line)
    assert not house.containing("crash")
    assert house.lines[-1].startswith("stopped in")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder in which nobody can make one")
def test_a_house_starts_without_a_disk(start: Start, repository: Path, tmp_path: Path) -> None:
    file = str(house_without_hardware(repository, tmp_path))
    house = start("run_local.py", "--house", file, "--seconds", "3", GWS_DATA_FOLDER="/proc/no-such-folder")
    assert house.end() == (0, [])
    assert house.containing("heats on without memory") and not house.containing("crash")
    assert house.containing("no slot contract until the program is started with a sound disk")


def test_atomic_tnode_and_ear_without_a_broker_say_so_and_try_on(start: Start) -> None:
    atn, ear = start("run_atn.py", "--seconds", "3"), start("run_ear.py", "--seconds", "4")
    assert atn.end() == (0, [])
    assert len(atn.containing("unreachable")) == 1 and atn.containing("retrying")
    assert ear.end() == (0, [])
    assert len(ear.containing("unreachable")) > 1, "said at each try"
    assert ear.lines[-1].startswith("0 stored in this run, 0 in all")


def order(repository: Path, *words: str, **environment: str) -> str:
    """`gws dispatch` as a person types it; said again while a loaded machine is too late for a clock that runs fast."""
    command = [sys.executable, "-m", "commands.main", "dispatch", *words, "--simulated"]
    said = ""
    for _ in range(4):
        done = subprocess.run(
            command, cwd=repository, env=os.environ | environment, text=True, capture_output=True, timeout=40.0
        )
        said = done.stdout + done.stderr
        if "expired" not in said and "future" not in said:
            break
    return said


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_a_simulated_house_is_bought_for_by_another_process_and_stops_at_ctrl_c(
    start: Start, repository: Path, tmp_path: Path
) -> None:
    port = str(free_port())
    data = str(tmp_path / "data")
    link = {"GWS_CLOUD__PORT": port, "GWS_LOCAL__PORT": port, "GWS_DATA_FOLDER": data}
    house = start("run_local.py", "--simulate", "--plain", "--no-atn", "--speed", "60", **link)
    assert house.wait_for("gateway-cloud", "subscribed")
    ear = start("run_ear.py", **link)
    atn = start("run_atn.py", **link)
    assert atn.wait_for("follows the plant's clock, speed 60")
    assert house.wait_for("contract-keeper", "Active"), house.lines[-5:]
    assert house.wait_for("authority", "local -> remote: contract live")
    said = order(repository, "relay-store-pump", "off", GWS_DATA_FOLDER=data)
    assert said.rstrip().endswith("relay-store-pump off: done"), said
    assert house.wait_for("scada", "relay-store-pump = False: done")
    for run in (atn, ear):
        run.process.send_signal(signal.SIGINT)
        assert run.end() == (0, [])
    stored = int(ear.lines[-1].split()[0])
    assert stored > 5 and ear.lines[-1].startswith(f"{stored} stored in this run, {stored} in all, in ")
    began_s = time.monotonic()
    house.process.send_signal(signal.SIGINT)
    assert house.end() == (0, [])
    assert time.monotonic() - began_s < 5.0
    assert "actuators on: none" in house.lines[-1]


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_an_atomic_tnode_killed_in_mid_slot_goes_on_with_its_contract_and_its_plans_can_be_replayed(
    start: Start, tmp_path: Path
) -> None:
    port = str(free_port())
    link = {"GWS_CLOUD__PORT": port, "GWS_LOCAL__PORT": port, "GWS_DATA_FOLDER": str(tmp_path / "kept")}
    late = ("--start", "2017-01-30T05:25:00Z")  # the slot ends at the full hour
    house = start("run_local.py", "--simulate", "--plain", "--no-atn", "--speed", "60", *late, **link)
    assert house.wait_for("gateway-cloud", "subscribed")
    atn = start("run_atn.py", **link)
    assert house.wait_for("contract-keeper", "Active"), house.lines[-5:]
    atn.process.kill()
    atn.process.wait(LIMIT_S)
    contract_id = atn.containing(" accepted ")[-1].split()[3]
    again = start("run_atn.py", **link)
    assert again.wait_for("resumed", contract_id), again.lines[:9]
    said = len(house.lines)
    assert house.wait_for("slot", f"ended {contract_id} Completed", limit_s=60.0), house.lines[-5:]
    assert again.wait_for("ended", contract_id, "Wh"), again.lines[-5:]
    between = house.lines[said : next(n for n, line in enumerate(house.lines) if f"ended {contract_id}" in line)]
    keeper = [line for line in between if line.split()[1] == "contract-keeper"]
    assert not [line for line in keeper if "started" in line or "refused" in line], "one contract, heard to its end"
    at = again.containing("ended")[0].split()[0]
    replayed = start("gws", "replay", "--simulated", "--house", "beech", "--at", at, **link)
    assert replayed.end() == (0, [])
    verdicts = [line.split()[0] for line in replayed.lines if line.endswith(": the same again\n")]
    assert verdicts[:1] == ["plan"] and "offer" in verdicts, replayed.lines


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_one_house_and_one_atomic_tnode_for_one_broker(start: Start) -> None:
    port = str(free_port())
    link = {"GWS_CLOUD__PORT": port, "GWS_LOCAL__PORT": port}
    house = start("run_local.py", "--simulate", "--plain", **link)
    assert house.wait_for("gateway-cloud", "subscribed")
    second, atn = start("run_local.py", "--simulate", **link), start("run_atn.py", **link)
    check_one_line(*second.end(), ["house d1.isone.me.versant.keene.beech", "already runs", port])
    check_one_line(*atn.end(), ["another AtomicTNode", "run_local.py --no-atn"])
    house.process.send_signal(signal.SIGINT)
    assert house.end() == (0, [])


def test_try_actors_starts_what_is_asked_for_and_the_others_listen(start: Start) -> None:
    run = start("try_actors.py", "--actors", "power-meter, relay", "--seconds", "2")
    assert run.end() == (0, [])
    assert "relay-heat-pump" in "".join(run.lines[:4])
    assert run.containing("scada                   hears      Readings(node='power-meter'")
    assert not run.containing("crash")


def test_lines_of_many_threads_stay_whole(capfd: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Sieve())

    def say(name: str) -> None:
        for number in range(200):
            lines(0.0, name, "said", f"{name} {number} end")

    threads = [threading.Thread(target=say, args=(f"actor{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    printed = capfd.readouterr().out.splitlines()
    assert len(printed) == 1600
    assert all(line.startswith("1970-01-01T00:00:00Z actor") and line.endswith(" end") for line in printed)


def test_a_fault_that_lasts_is_one_warning_until_it_is_over() -> None:
    sieve = Sieve()
    gone, back = "cloud unreachable: broker x:1: unreachable, refused; retrying", "cloud subscribed"
    shown = [
        sieve.kind_shown("gateway", "link", text) for text in (gone, "cloud connecting: " + gone, gone, back, gone)
    ]
    assert shown == ["warning", None, None, "link", "warning"]
    assert sieve.kind_shown("market-gateway", "link", gone) is None, "the same broker"
    assert sieve.kind_shown("gateway-local", "link", gone.replace("x:1", "y:1")) == "warning"
    assert [sieve.kind_shown("oat", "sensor", text) for text in ("a", "b", "oat answers again", "a")] == [
        "warning", None, "sensor", "warning"
    ]  # fmt: skip
    states = ("pump = None no answer", "pump = None pause", "pump = True")
    assert [sieve.kind_shown("relay", "actuator", text) for text in states] == ["warning", None, "actuator"]
    every = Sieve(every_try=True)
    assert [every.kind_shown("gateway", "link", gone) for _ in range(2)] == ["warning", "warning"]
