"""Who is connected to whom: the only place that chooses between real and simulated wires, and names every actor."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from actors.atomic_tnode import AtomicTNode
from actors.base import Address
from actors.bus import Bus
from actors.contract_keeper import ContractKeeper, KeeperAddresses
from actors.dispatcher import Dispatcher
from actors.ear import Ear
from actors.gateway import Gateway, OpenLink
from actors.ledger_book import make_book
from actors.local_controller import LocalController
from actors.market import Market
from actors.memory_book import MemoryBook
from actors.plant import Plant
from actors.post import Post
from actors.power_meter import PowerMeter
from actors.relay import Relay
from actors.reporter import Reporter
from actors.runtime import Runtime
from actors.scada import Scada, ScadaAddresses
from actors.sensor import Sensor
from actors.supervisor import HUNG_AFTER_S, Supervisor
from actors.watchman import Watchman
from gw_spaceheat.decisions.contract import ContractFacts
from gw_spaceheat.decisions.local_facts import capabilities_of
from gw_spaceheat.drivers.base import ActuatorDriver, SensorDriver
from gw_spaceheat.drivers.discovery import make_driver
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import House
from gw_spaceheat.markets.prices import PriceFeed
from gw_spaceheat.markets.tariff import Tariff
from gw_spaceheat.planning.live_case import Outlook
from gw_spaceheat.simulation.clock import SimulatedClock
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.simulation.wires import SimulatedWire, make_wires
from gw_spaceheat.storage.atn_memory import AtnMemory
from gw_spaceheat.storage.ear_store import MessageSink
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.storage.state_file import StateFile
from gw_spaceheat.wires.gpio import GpioWire
from gw_spaceheat.wires.modbus import PymodbusWire
from gw_spaceheat.wires.one_wire import FileOneWire
from gw_spaceheat.wires.protocols import ClockWire, Wire

LINK_TYPES = frozenset({"gridworks.ping", "gridworks.ack"})
SCADA_FROM_CLOUD = LINK_TYPES | {
    "slow.contract.heartbeat", "weather.forecast", "heating.forecast", "send.snap", "gw.spaceheat.plan",
    "gw.spaceheat.policy", "fsm.event", "analog.dispatch",
}  # fmt: skip
SCADA_FROM_LOCAL = LINK_TYPES | {
    "send.snap", "admin.keep.alive", "admin.release.control", "admin.dispatch", "admin.analog.dispatch",
    "gw.spaceheat.opt.out",
}  # fmt: skip
ATN_FROM_CLOUD = LINK_TYPES | {
    "slow.contract.heartbeat", "report", "snapshot.spaceheat", "power.watts", "glitch",
    "gw.spaceheat.layout", "gw.spaceheat.prices", "latest.price", "gw.spaceheat.command.result",
    "gridworks.event.startup", "gridworks.event.shutdown", "gridworks.event.problem",
}  # fmt: skip


def dashed(alias: str) -> str:
    return alias.replace(".", "-")


def market_alias(house: House) -> str:
    """The market maker stands where the house's feeder does: the alias without its last word, then `market`."""
    return f"{house.alias.rsplit('.', 1)[0]}.market"


@dataclass(frozen=True, slots=True)
class ScadaParts:
    """What a SCADA is given. `folder` None keeps its memory in memory, for virtual runs."""

    house: House
    tariff: Tariff
    wires: Mapping[str, Wire]
    open_cloud: OpenLink
    open_local: OpenLink | None
    folder: Path | None
    instance_id: str
    first_boot: int = 1
    outbox_megabytes: int = 350
    clock: ClockWire | None = None
    """None: nobody doubts the runtime's own time, as in simulated runs."""
    begin_anew: Callable[[str], None] = print
    """Called when the program should begin anew, with the reason."""
    ear: str = ""  # alias of the ear that is the durable receiver; empty: the AtomicTNode is it


@dataclass(frozen=True, slots=True)
class AtnParts:
    """What an AtomicTNode is given. `folder` None keeps its ledger in memory, for virtual runs."""

    house: House
    outlook: Outlook
    open_link: OpenLink
    store: MessageStore
    memory: AtnMemory
    folder: Path | None = None
    planning: bool = True
    policies: bool = True


def simulated_wires(house: House, plant: SimulatedHouse) -> dict[str, SimulatedWire]:
    """The same wires, served in process by a simulated house."""
    return make_wires(house, plant)


def real_wires(house: House, now: Callable[[], float], one_wire_root: Path | None = None) -> dict[str, Wire]:
    """The wires of a real house, or of a simulated one served on loopback, at the addresses its file names."""
    wires: dict[str, Wire] = {}
    for spec in house.wires:
        match spec.kind:
            case "modbus_tcp":
                host, _, port = spec.address.rpartition(":")
                if not host or not port.isdigit():
                    raise BadInput(f"wire {spec.id}: address {spec.address!r} must be host:port")
                wires[spec.id] = PymodbusWire(host, int(port), 1.0, now)
            case "one_wire":
                wires[spec.id] = FileOneWire(one_wire_root or Path(spec.address))
            case "gpio":
                wires[spec.id] = GpioWire()
    return wires


def add_devices(runtime: Runtime, house: House, wires: Mapping[str, Wire]) -> list[str]:
    """Buses, then relays, then sensors: nothing may be asked before its bus is there."""
    names: list[str] = []
    sensors: dict[str, dict[str, SensorDriver]] = {wire_id: {} for wire_id in wires}
    actuators: dict[str, dict[str, ActuatorDriver]] = {wire_id: {} for wire_id in wires}
    for component in house.components:
        driver = make_driver(component, house.nodes, house.channels, wires[component.wire])
        if isinstance(driver, ActuatorDriver):
            actuators[component.wire][component.id] = driver
        else:
            sensors[component.wire][component.id] = driver
    for wire_id in wires:
        runtime.add(f"bus-{wire_id}", partial(Bus, sensors=sensors[wire_id], actuators=actuators[wire_id]))
        names.append(f"bus-{wire_id}")
    wire_of = {component.id: f"bus-{component.wire}" for component in house.components}
    scada, reporter = runtime.address("scada"), runtime.address("reporter")
    for node in house.nodes:
        bus = runtime.address(wire_of[node.component_id])
        if node.actuator is not None:
            runtime.add(node.name, partial(Relay, node=node, bus=bus, scada=scada))
            names.append(node.name)
            continue
        channels = [channel for channel in house.channels if channel.node == node.name]
        if not channels:
            continue
        listeners = (scada, reporter)
        if node.role == "power_meter":
            runtime.add(
                node.name,
                partial(
                    PowerMeter,
                    component_id=node.component_id,
                    channels=channels,
                    period_s=house.rates.power_s,
                    bus=bus,
                    listeners=listeners,
                    keeper=runtime.address("contract-keeper"),
                ),
            )
        else:
            runtime.add(
                node.name,
                partial(
                    Sensor,
                    component_id=node.component_id,
                    channels=channels,
                    period_s=house.rates.temperature_s,
                    bus=bus,
                    listeners=listeners,
                ),
            )
        names.append(node.name)
    return names


def scada_post(house: House, ear: str = "") -> Post:
    """The SCADA on link `cloud`. `ear`: alias of the one that acknowledges; empty: the AtomicTNode does."""
    peers = {"ltn": house.atn_alias}
    subscriptions: tuple[str, ...] = (f"gw/{dashed(house.atn_alias)}/to/s/#",)
    if ear:
        peers["ear"] = ear
        subscriptions += (f"gw/{dashed(ear)}/to/{dashed(house.scada_alias)}/#",)
    return Post(
        link="cloud",
        alias=house.scada_alias,
        peers=peers,
        subscriptions=subscriptions,
        accepts=SCADA_FROM_CLOUD,
        watched="ltn",
        receiver="ear" if ear else "",
    )


def add_scada(runtime: Runtime, parts: ScadaParts) -> list[str]:
    """Every actor of a SCADA, in the order in which they are to be started."""
    house = parts.house
    actuators = {node.actuator: node.name for node in house.nodes if node.actuator is not None}
    names_of = frozenset(actuators)
    capabilities = capabilities_of(house.plumbing, names_of)
    scada, keeper = runtime.address("scada"), runtime.address("contract-keeper")
    local, reporter = runtime.address("local-controller"), runtime.address("reporter")
    cloud, watchman = runtime.address("gateway-cloud"), runtime.address("watchman")

    def path(name: str) -> Path | None:
        return None if parts.folder is None else parts.folder / name

    # Made once: a restarted reporter goes on with the file its predecessor had open.
    journal = Journal(path("journal.db"), int(house.rates.report_s))
    runtime.add(
        "reporter",
        partial(Reporter, house=house, instance_id=parts.instance_id, atn="ltn", gateway=cloud, journal=journal),
    )
    runtime.add(
        "local-controller",
        partial(
            LocalController,
            house=house,
            tariff=parts.tariff,
            actuators=names_of,
            scada=scada,
            keeper=keeper,
            policy_file=StateFile(path("policy.json")),
        ),
    )
    runtime.add("watchman", partial(Watchman, alias=house.scada_alias, atn="ltn", gateway=cloud))
    source = capabilities.source
    facts = ContractFacts(
        house.scada_alias,
        source.running_w,
        source.minimum_run_wh,
        switching_wh=source.switching_wh,
    )
    runtime.add(
        "contract-keeper",
        partial(
            ContractKeeper,
            facts=facts,
            to=KeeperAddresses(scada, local, cloud, watchman),
            file=StateFile(path("contract.json")),
            book=make_book("s", parts.folder, runtime.chance(f"ledger-key/{house.scada_alias}")),
        ),
    )
    relays: dict[str, Address] = {actuator: runtime.address(name) for actuator, name in actuators.items()}
    runtime.add(
        "scada",
        partial(
            Scada,
            house=house,
            to=ScadaAddresses(relays, local, keeper, reporter, cloud, runtime.address("gateway-local"), watchman),
            file=StateFile(path("safety.json")),
            opt_out=StateFile(path("opt_out.json")),
            wall=parts.clock or SimulatedClock(runtime.now),
            begin_anew=parts.begin_anew,
        ),
    )
    runtime.add(
        "gateway-cloud",
        partial(
            Gateway,
            post=scada_post(house, parts.ear),
            open_link=parts.open_cloud,
            routes=(scada, keeper, local, reporter),
            outbox=Outbox(
                path("outbox.db"), max_bytes=parts.outbox_megabytes * 1024 * 1024, first_boot=parts.first_boot
            ),
            watchman=watchman,
        ),
    )
    names = [*add_devices(runtime, house, parts.wires), "reporter", "local-controller", "contract-keeper", "scada"]
    names += ["watchman", "gateway-cloud"]
    if parts.open_local is not None:
        runtime.add(
            "gateway-local",
            partial(
                Gateway,
                post=Post(
                    link="local",
                    alias=house.scada_alias,
                    peers={"admin": f"{house.alias}.admin"},
                    subscriptions=(f"gw/+/to/s-{dashed(house.short_name)}/#", f"gw/{dashed(house.alias)}-admin/to/s/#"),
                    accepts=SCADA_FROM_LOCAL,
                ),
                open_link=parts.open_local,
                routes=(scada, reporter),
                watchman=watchman,
            ),
        )
        names.append("gateway-local")
    return names


def add_atomic_tnode(runtime: Runtime, parts: AtnParts) -> list[str]:
    """The AtomicTNode and its gateway, which stores every event before it acknowledges it."""
    house = parts.house
    atn = runtime.address("atn")
    gateway = runtime.address("atn-gateway")
    book = make_book("ltn", parts.folder, runtime.chance(f"ledger-key/{house.atn_alias}"))
    runtime.add(
        "atn",
        partial(
            AtomicTNode,
            house=house,
            outlook=parts.outlook,
            gateway=gateway,
            book=book,
            memory=MemoryBook(parts.memory, house.atn_alias, parts.outlook.forecaster),
            planning=parts.planning,
            policies=parts.policies,
        ),
    )
    dispatcher = runtime.add(
        "dispatcher", partial(Dispatcher, house=house, gateway=gateway, signer=book.signer, folder=parts.folder)
    )
    market = market_alias(house)
    runtime.add(
        "atn-gateway",
        partial(
            Gateway,
            post=Post(
                link="cloud",
                alias=house.atn_alias,
                peers={"s": house.scada_alias, "market": market},
                subscriptions=(f"gw/{dashed(house.scada_alias)}/to/ltn/#", f"gw/{dashed(market)}/to/broadcast/#"),
                accepts=ATN_FROM_CLOUD,
                watched="s",
            ),
            open_link=parts.open_link,
            routes=(atn, dispatcher),
            store=parts.store,
        ),
    )
    return ["atn", "dispatcher", "atn-gateway"]


def add_market(runtime: Runtime, house: House, feed: PriceFeed, open_link: OpenLink) -> list[str]:
    gateway = runtime.address("market-gateway")
    alias = market_alias(house)
    market = runtime.add("market", partial(Market, alias=alias, feed=feed, gateway=gateway))
    bids = (f"gw/{dashed(house.atn_alias)}/to/market/#",)
    post = Post("cloud", alias, peers={"ltn": house.atn_alias}, subscriptions=bids, accepts=LINK_TYPES | {"bid"})
    runtime.add("market-gateway", partial(Gateway, post=post, open_link=open_link, routes=(market,)))
    return ["market-gateway", "market"]


def add_ear(
    runtime: Runtime, open_link: OpenLink, store: MessageSink, alias: str = "d1.ear", group: str | None = None
) -> list[str]:
    """`group`: ears that share the load, where the broker has MQTT 5's shared subscriptions."""
    subscriptions = ("gw/#",) if group is None else (f"$share/{group}/gw/#",)
    runtime.add("ear", partial(Ear, open_link=open_link, store=store, subscriptions=subscriptions, alias=alias))
    return ["ear"]


def add_plant(
    runtime: Runtime,
    plant: SimulatedHouse,
    show: Callable[[float], None] | None = None,
    lock: AbstractContextManager[object] | None = None,
) -> list[str]:
    runtime.add("plant", partial(Plant, house=plant, show=show, lock=lock))
    return ["plant"]


def add_supervisor(
    runtime: Runtime, watched: list[str], pat: Callable[[], None], hung_after_s: float = HUNG_AFTER_S
) -> list[str]:
    addresses = [runtime.address(name) for name in watched]
    runtime.supervisor = runtime.add(
        "supervisor",
        partial(Supervisor, watched=addresses, replace=runtime.replace, pat=pat, hung_after_s=hung_after_s),
    )
    return ["supervisor"]
