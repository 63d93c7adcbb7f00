"""Every payload type that may cross a link: who says it to whom, when, and how it is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gw_spaceheat.messages import alerts, contract, dispatch, forecast, layout, link, market, policy, telemetry
from gw_spaceheat.messages.base import WireModel, type_name_of, version_of

Manner = Literal["event", "state", "command", "link"]
"""event: must be stored once (outbox, sequence, ack after commit); state: latest wins, may be lost;
command: acts at most once, expires; link: the life of the link itself."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    model: type[WireModel]
    manner: Manner
    sender: str
    receivers: tuple[str, ...]
    when: str

    @property
    def type_name(self) -> str:
        return type_name_of(self.model)

    @property
    def version(self) -> str | None:
        return version_of(self.model)

    @property
    def ours(self) -> bool:
        """Ours, not a published GridWorks type."""
        return self.type_name.startswith("gw.spaceheat.")


def _entry(model: type[WireModel], manner: Manner, sender: str, receivers: str, when: str) -> CatalogueEntry:
    return CatalogueEntry(model, manner, sender, tuple(receivers.split(", ")), when)


CATALOGUE: tuple[CatalogueEntry, ...] = (
    _entry(telemetry.Report, "event", "scada", "atn, ear", "every report slot (300 s), aligned to the clock"),
    _entry(telemetry.ReportEvent, "event", "GridWorks' SCADA", "atn, ear", "read only: their form of a report"),
    _entry(telemetry.SnapshotSpaceheat, "state", "scada", "atn, dashboard", "every 30 s and on request"),
    _entry(telemetry.PowerWatts, "state", "scada", "atn", "on a change of 2 % of nameplate; else every 60 s"),
    _entry(telemetry.SendSnap, "state", "atn, dashboard", "scada", "to ask for a snapshot"),
    _entry(telemetry.RemainingElec, "state", "scada", "atn", "while a slot runs"),
    _entry(layout.Layout, "event", "scada", "atn, ear", "when a link comes up and the layout has changed"),
    _entry(layout.SendLayout, "state", "atn, dashboard", "scada", "to ask for the layout"),
    _entry(alerts.Glitch, "event", "scada, atn", "atn, ear", "fault, refusal, no effect, trip; rate-limited by cause"),
    _entry(alerts.StartupEvent, "event", "scada, atn", "atn, ear", "at start"),
    _entry(alerts.ShutdownEvent, "event", "scada, atn", "atn, ear", "at an orderly stop"),
    _entry(alerts.ProblemEvent, "event", "scada, atn", "atn, ear", "when an actor fails or an input is wrong"),
    _entry(alerts.MqttConnectEvent, "event", "scada, atn", "atn, ear", "connected to a broker"),
    _entry(alerts.MqttConnectFailedEvent, "event", "scada, atn", "atn, ear", "a broker could not be reached"),
    _entry(alerts.MqttDisconnectEvent, "event", "scada, atn", "atn, ear", "a broker was lost"),
    _entry(alerts.MqttFullySubscribedEvent, "event", "scada, atn", "atn, ear", "a broker granted all subscriptions"),
    _entry(alerts.ResponseTimeoutEvent, "event", "scada, atn", "atn, ear", "the peer's application does not answer"),
    _entry(alerts.PeerActiveEvent, "event", "scada, atn", "atn, ear", "the peer's application answers"),
    _entry(link.Ping, "link", "scada, atn", "scada, atn", "after 20 s of silence"),
    _entry(link.Ack, "link", "scada, atn, ear", "scada, atn", "after the commit of an event; to a ping"),
    _entry(link.PlantClock, "state", "simulated plant", "all processes", "every real second, on loopback only"),
    _entry(contract.SlowDispatchContract, "event", "atn", "scada", "inside heartbeats"),
    _entry(contract.SlowContractHeartbeat, "event", "scada, atn", "scada, atn, ear", "on every change; every 60 s"),
    _entry(dispatch.DispatchContractGoLive, "command", "atn", "scada", "to ask for remote control"),
    _entry(dispatch.DispatchContractGoDormant, "command", "scada, atn", "scada, atn", "to give remote control back"),
    _entry(dispatch.FsmEvent, "command", "atn", "scada", "to switch a relay"),
    _entry(dispatch.AnalogDispatch, "command", "atn", "scada", "to set a leaving temperature"),
    _entry(dispatch.AdminDispatch, "command", "admin", "scada", "a person switches a relay"),
    _entry(dispatch.AdminAnalogDispatch, "command", "admin", "scada", "a person sets a number"),
    _entry(dispatch.AdminKeepAlive, "command", "admin", "scada", "a person takes the house or renews the lease"),
    _entry(dispatch.AdminReleaseControl, "command", "admin", "scada", "a person gives the house back"),
    _entry(dispatch.HomeownerOptOut, "command", "admin", "scada", "the homeowner opts out, or takes it back"),
    _entry(dispatch.CommandResult, "event", "scada", "atn, admin, ear", "to every command"),
    _entry(market.LatestPrice, "state", "market", "atn", "when a slot is cleared"),
    _entry(market.Bid, "event", "atn", "market, ear", "each slot, before the gate closes"),
    _entry(market.SlotResult, "event", "atn", "ear", "after each slot that was bid for"),
    _entry(market.Prices, "state", "market", "atn", "every 5 minutes and on change: 48 h ahead"),
    _entry(forecast.WeatherForecast, "state", "weather, market", "atn, scada, ear", "hourly"),
    _entry(forecast.HeatingForecast, "state", "scada, atn", "atn, scada, ear", "hourly, after the weather forecast"),
    _entry(forecast.FloParamsHouse0, "event", "GridWorks' AtomicTNode", "ear", "read only"),
    _entry(policy.HousePolicy, "state", "atn", "scada, ear", "after each plan, at most every 5 minutes"),
    _entry(forecast.HousePlan, "event", "atn", "scada, dashboard, ear", "every planning round"),
)

BY_NAME: Mapping[str, CatalogueEntry] = {entry.type_name: entry for entry in CATALOGUE}
_BY_MODEL: Mapping[type[WireModel], CatalogueEntry] = {entry.model: entry for entry in CATALOGUE}


def manner_of(payload: WireModel) -> Manner:
    """How a payload is delivered. KeyError for a type that is not in the catalogue: a bug."""
    return _BY_MODEL[type(payload)].manner
