"""How long a report of 100 readings takes to encode and to decode: one JSON line per figure."""

import json
import sys
import timeit
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode
from gw_spaceheat.messages.telemetry import report_from

HOUSE = "d1.isone.me.versant.keene.beech"
CHANNELS, EACH, START_S = 20, 5, 1_481_518_800
REPEATS = 20


def report_envelope() -> Envelope:
    """A report as a house of 20 thermometers sends it every five minutes."""
    names = [f"zone{index}-temp" for index in range(CHANNELS)]
    payload = report_from(
        alias=f"{HOUSE}.scada",
        instance_id="00000000-0000-4000-8000-000000000001",
        about_alias=f"{HOUSE}.ta",
        slot_start_s=START_S,
        slot_duration_s=300,
        readings={name: [(20.0 + i, (START_S + 60 * i) * 1000) for i in range(EACH)] for name in names},
        telemetries=dict.fromkeys(names, "WaterTempCTimes1000"),
        message_id="00000000-0000-4000-8000-000000000002",
        created_s=START_S + 300.0,
    )
    header = Header(f"{HOUSE}.scada", "ltn", "report", "00000000-0000-4000-8000-000000000003", True)
    return Envelope(header, payload)


def main() -> None:
    """Print the best of several runs."""
    envelope = report_envelope()
    data = encode(envelope)
    for name, call in (("encode_report", lambda: encode(envelope)), ("decode_report", lambda: decode(data))):
        best_s = min(timeit.repeat(call, number=REPEATS, repeat=10)) / REPEATS
        row = {"name": f"{name}_seconds", "value": round(best_s, 7), "unit": "s", "n": CHANNELS * EACH}
        print(json.dumps(row))


if __name__ == "__main__":
    main()
