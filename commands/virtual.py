"""A whole neighbourhood in one thread and virtual time: house, SCADA, AtomicTNode, market, ear, broker."""

from collections.abc import Sequence
from pathlib import Path

from actors.gateway import OpenLink
from actors.runtime import LogSink, VirtualRuntime
from actors.wiring import (
    AtnParts,
    ScadaParts,
    add_atomic_tnode,
    add_ear,
    add_market,
    add_plant,
    add_scada,
    add_supervisor,
    simulated_wires,
)
from commands.site import Site, outlook_of
from gw_spaceheat.planning.live_case import Outlook
from gw_spaceheat.simulation.broker import SimulatedBroker
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.storage.atn_memory import AtnMemory
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState
from gw_spaceheat.wires.protocols import ClockWire, Wire

MEMORY_DAYS = 1.0
"""Of an AtomicTNode whose memory nobody asked for: enough for its own restarts."""


class VirtualHouse:
    """Everything of one house, started at `start_s`; pump it with `run_until`."""

    def __init__(
        self, site: Site, start_s: float, seed: int = 0, planning: bool = True, sink: LogSink | None = None,
        folder: Path | None = None, policies: bool = True, outlook: Outlook | None = None,
        clock: ClockWire | None = None, memory: AtnMemory | None = None,
    ) -> None:  # fmt: skip
        self.site = site
        self.runtime = runtime = VirtualRuntime(start_s, seed, sink)
        self.plant = SimulatedHouse(site.house, site.outdoor_c, start_s, runtime.chance("plant"))
        self.cloud = SimulatedBroker(runtime.schedule, runtime.chance("cloud-broker"))
        self.local = SimulatedBroker(runtime.schedule, runtime.chance("local-broker"))
        self.cloud.faults.delay_s = self.local.faults.delay_s = 0.02
        self.wires = simulated_wires(site.house, self.plant)
        wires: dict[str, Wire] = dict(self.wires)
        self.atn_store, self.ear_store = MessageStore(None), MessageStore(None)
        parts = ScadaParts(
            house=site.house,
            tariff=site.tariff,
            wires=wires,
            open_cloud=self._opener(self.cloud, "scada"),
            open_local=self._opener(self.local, "scada-local"),
            folder=folder,
            instance_id=runtime.new_id(),
            clock=clock,
            begin_anew=lambda why: runtime.log.write(runtime.now(), "house", "ends", why),
        )
        self.scada_names = add_scada(runtime, parts)
        self.memory = memory or AtnMemory(None, keep_days=MEMORY_DAYS)
        self.atn_names = add_atomic_tnode(
            runtime,
            AtnParts(
                house=site.house,
                outlook=outlook or outlook_of(site),
                open_link=self._opener(self.cloud, "atn"),
                store=self.atn_store,
                memory=self.memory,
                planning=planning,
                policies=policies,
            ),
        )
        market = add_market(runtime, site.house, site.prices, self._opener(self.cloud, "market"))
        ear = add_ear(runtime, self._opener(self.cloud, "ear"), self.ear_store)
        plant = add_plant(runtime, self.plant)
        watched = [*self.scada_names]
        supervisor = add_supervisor(runtime, watched, lambda: None)
        for name in [*supervisor, *plant, *self.scada_names, *market, *ear, *self.atn_names]:
            runtime.start(name)

    def run_until(self, end_s: float) -> None:
        self.runtime.run_until(end_s)

    def stop_atomic_tnode(self) -> None:
        """As when its process is killed: no word of farewell, its connection lost."""
        for name in self.atn_names:
            self.runtime.stop(name)
        self.cloud.partition("atn")

    def start_atomic_tnode(self) -> None:
        """A new process: it knows what its memory kept."""
        for name in self.atn_names:
            self.runtime.start(name)
        self.cloud.heal("atn")

    @staticmethod
    def _opener(broker: SimulatedBroker, client_id: str) -> OpenLink:
        def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
            return broker.client(client_id, on_message, on_state, subscriptions)

        return open_link
