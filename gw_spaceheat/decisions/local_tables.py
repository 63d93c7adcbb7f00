"""States, events and tables of local control, as published by GridWorks for a heat pump with buffer and store."""

from enum import StrEnum

from gw_spaceheat.errors import IllegalEvent


class Body(StrEnum):
    """The published five; `HP` is the heat source, also where it is an electric element."""

    INITIALIZING = "Initializing"
    HP_ON_STORE_OFF = "HpOnStoreOff"
    HP_ON_STORE_CHARGE = "HpOnStoreCharge"
    HP_OFF_STORE_OFF = "HpOffStoreOff"
    HP_OFF_STORE_DISCHARGE = "HpOffStoreDischarge"


class Event(StrEnum):
    ON_PEAK_START = "OnPeakStart"
    ON_PEAK_BUFFER_EMPTY = "OnPeakBufferEmpty"
    ON_PEAK_BUFFER_FULL = "OnPeakBufferFull"
    ON_PEAK_STORAGE_COLDER = "OnPeakStorageColderThanBuffer"
    OFF_PEAK_START = "OffPeakStart"
    OFF_PEAK_BUFFER_EMPTY = "OffPeakBufferEmpty"
    OFF_PEAK_FULL_READY = "OffPeakBufferFullStorageReady"
    OFF_PEAK_FULL_NOT_READY = "OffPeakBufferFullStorageNotReady"
    OFF_PEAK_READY = "OffPeakStorageReady"
    OFF_PEAK_NOT_READY = "OffPeakStorageNotReady"
    DEFROST = "DefrostDetected"
    ELEC_BUFFER_EMPTY = "ElecBufferEmpty"
    ELEC_BUFFER_FULL = "ElecBufferFull"
    NO_ELEC_BUFFER_EMPTY = "NoElecBufferEmpty"
    NO_ELEC_BUFFER_FULL = "NoElecBufferFull"
    NO_ELEC_STORAGE_COLDER = "NoElecStorageColderThanBuffer"
    NO_MORE_ELEC = "NoMoreElec"
    OFF_PEAK_TANK_LOW = "OffPeakTankLow"
    TANK_FULL = "TankFull"


class Mode(StrEnum):
    NORMAL = "normal"
    SLOT = "slot"
    POLICY = "policy"
    COLD = "cold"
    BLIND = "blind"
    STANDBY = "standby"


_B, _E = Body, Event
Table = dict[Body, dict[Event, Body]]

TARIFF_TABLE: Table = {
    _B.INITIALIZING: {
        _E.ON_PEAK_BUFFER_EMPTY: _B.HP_OFF_STORE_DISCHARGE,
        _E.ON_PEAK_BUFFER_FULL: _B.HP_OFF_STORE_OFF,
        _E.ON_PEAK_STORAGE_COLDER: _B.HP_OFF_STORE_OFF,
        _E.OFF_PEAK_FULL_READY: _B.HP_OFF_STORE_OFF,
        _E.OFF_PEAK_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.OFF_PEAK_FULL_NOT_READY: _B.HP_ON_STORE_OFF,
    },
    _B.HP_ON_STORE_OFF: {
        _E.OFF_PEAK_FULL_NOT_READY: _B.HP_ON_STORE_CHARGE,
        _E.OFF_PEAK_FULL_READY: _B.HP_OFF_STORE_OFF,
        _E.ON_PEAK_START: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_ON_STORE_CHARGE: {
        _E.OFF_PEAK_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.DEFROST: _B.HP_ON_STORE_OFF,
        _E.OFF_PEAK_READY: _B.HP_OFF_STORE_OFF,
        _E.ON_PEAK_START: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_OFF_STORE_OFF: {
        _E.ON_PEAK_BUFFER_EMPTY: _B.HP_OFF_STORE_DISCHARGE,
        _E.OFF_PEAK_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.OFF_PEAK_NOT_READY: _B.HP_ON_STORE_OFF,
    },
    _B.HP_OFF_STORE_DISCHARGE: {
        _E.ON_PEAK_BUFFER_FULL: _B.HP_OFF_STORE_OFF,
        _E.ON_PEAK_STORAGE_COLDER: _B.HP_OFF_STORE_OFF,
        _E.OFF_PEAK_START: _B.HP_OFF_STORE_OFF,
    },
}
"""As published for a heat pump with buffer and store."""

SLOT_TABLE: Table = {
    _B.INITIALIZING: {
        _E.NO_ELEC_BUFFER_EMPTY: _B.HP_OFF_STORE_DISCHARGE,
        _E.NO_ELEC_BUFFER_FULL: _B.HP_OFF_STORE_OFF,
        _E.ELEC_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.ELEC_BUFFER_FULL: _B.HP_ON_STORE_CHARGE,
        _E.NO_MORE_ELEC: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_ON_STORE_OFF: {
        _E.ELEC_BUFFER_FULL: _B.HP_ON_STORE_CHARGE,
        _E.NO_MORE_ELEC: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_ON_STORE_CHARGE: {
        _E.ELEC_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.DEFROST: _B.HP_ON_STORE_OFF,
        _E.NO_MORE_ELEC: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_OFF_STORE_OFF: {
        _E.NO_ELEC_BUFFER_EMPTY: _B.HP_OFF_STORE_DISCHARGE,
        _E.ELEC_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.ELEC_BUFFER_FULL: _B.HP_ON_STORE_CHARGE,
    },
    _B.HP_OFF_STORE_DISCHARGE: {
        _E.NO_ELEC_BUFFER_FULL: _B.HP_OFF_STORE_OFF,
        _E.NO_ELEC_STORAGE_COLDER: _B.HP_OFF_STORE_OFF,
        _E.ELEC_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.ELEC_BUFFER_FULL: _B.HP_ON_STORE_CHARGE,
    },
}
"""Under an accepted slot: the slot decides the heat source, the store follows; discharge also off-peak."""

SINGLE_TANK_TABLE: Table = {
    _B.INITIALIZING: {
        _E.OFF_PEAK_TANK_LOW: _B.HP_ON_STORE_OFF,
        _E.TANK_FULL: _B.HP_OFF_STORE_OFF,
        _E.ON_PEAK_START: _B.HP_OFF_STORE_OFF,
        _E.ELEC_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
        _E.NO_MORE_ELEC: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_ON_STORE_OFF: {
        _E.TANK_FULL: _B.HP_OFF_STORE_OFF,
        _E.ON_PEAK_START: _B.HP_OFF_STORE_OFF,
        _E.NO_MORE_ELEC: _B.HP_OFF_STORE_OFF,
    },
    _B.HP_OFF_STORE_OFF: {
        _E.OFF_PEAK_TANK_LOW: _B.HP_ON_STORE_OFF,
        _E.ELEC_BUFFER_EMPTY: _B.HP_ON_STORE_OFF,
    },
}
"""One tank only (store without buffer, or buffer without store) or none: the heat source is on or off."""


NAMES: dict[str, Table] = {
    "local control by tariff": TARIFF_TABLE,
    "local control by slot": SLOT_TABLE,
    "local control of one tank": SINGLE_TANK_TABLE,
}


def next_body(table: Table, body: Body, event: Event) -> Body:
    """The cell of the table; IllegalEvent where it is empty."""
    following = table.get(body, {}).get(event)
    if following is None:
        name = next((name for name, known in NAMES.items() if known is table), "local control")
        raise IllegalEvent(name, body, event)
    return following
