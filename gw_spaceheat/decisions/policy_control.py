"""How Local acts on a policy: the policy says whether to heat and whether to charge, the tanks say what that means.

Same bodies and the same table as under an accepted slot. With *charge* the heat source runs and the store takes what
the buffer does not need; with *heat* alone it fills the buffer and rests until the buffer is empty again; without
either it is off, and an empty buffer is filled from a useful store.
"""

from gw_spaceheat.decisions.local_facts import (
    LocalFacts,
    PolicyWish,
    buffer_empty,
    buffer_full,
    buffer_serves,
    filled,
    must_fill,
    store_colder,
    store_full,
    store_useful,
)
from gw_spaceheat.decisions.local_tables import SINGLE_TANK_TABLE, SLOT_TABLE, Body, Event, Table

NO_TIME_USD = 1e5
"""More than anything costs: the other way would break a minimum time."""
SAID = {True: {True: "charge", False: "heat"}, False: {True: "discharge", False: "off"}}


def wish_of(run: bool, charge: bool, discharge: bool, better_usd: float) -> PolicyWish:
    """The policy's advice as a wish, with the words for it. `better_usd`: against switching the source otherwise."""
    said = SAID[run][charge if run else discharge]
    other = "off" if run else "on"
    why = f"{better_usd:.3f} USD better than {other}" if better_usd < NO_TIME_USD else f"a minimum time forbids {other}"
    return PolicyWish(run, charge, f"policy: {said}, {why}")


def policy_step(body: Body, facts: LocalFacts, wish: PolicyWish, held_s: float) -> tuple[Event | None, Table]:
    """What has happened to a body that acts on a policy, if anything, and the table it is looked up in.

    `held_s`: for how long it has been this body.
    """
    if not facts.capabilities.two_tanks:
        return _single_event(body, facts, wish), SINGLE_TANK_TABLE
    if not wish.run:
        return off_event(body, facts), SLOT_TABLE
    if wish.charge and not (store_full(facts) and buffer_full(facts)):
        return charge_event(body, facts, held_s), SLOT_TABLE
    return _heat_event(body, facts), SLOT_TABLE


def charge_event(body: Body, facts: LocalFacts, held_s: float) -> Event | None:
    """The heat source runs for buffer and store: first the buffer, then the store, neither for a moment only."""
    if body is Body.HP_ON_STORE_CHARGE:
        if facts.defrost:
            return Event.DEFROST
        return Event.ELEC_BUFFER_EMPTY if must_fill(facts, held_s) or store_full(facts) else None
    served = filled(facts, held_s) if body is Body.HP_ON_STORE_OFF else buffer_serves(facts)
    if served and not store_full(facts) and not facts.defrost:
        return Event.ELEC_BUFFER_FULL
    return None if body is Body.HP_ON_STORE_OFF else Event.ELEC_BUFFER_EMPTY


def _heat_event(body: Body, facts: LocalFacts) -> Event | None:
    full = buffer_full(facts)
    if body is Body.HP_ON_STORE_OFF:
        return Event.NO_MORE_ELEC if full else None
    if body is Body.HP_ON_STORE_CHARGE:
        return Event.NO_MORE_ELEC if full else Event.ELEC_BUFFER_EMPTY
    if body is Body.HP_OFF_STORE_DISCHARGE:
        return Event.NO_ELEC_BUFFER_FULL if full else Event.ELEC_BUFFER_EMPTY
    if body is Body.HP_OFF_STORE_OFF:
        return Event.ELEC_BUFFER_EMPTY if buffer_empty(facts) else None
    return Event.NO_MORE_ELEC if full else Event.ELEC_BUFFER_EMPTY


def off_event(body: Body, facts: LocalFacts) -> Event | None:
    """The heat source rests: the store fills an empty buffer as long as it is of use."""
    if body in (Body.HP_ON_STORE_OFF, Body.HP_ON_STORE_CHARGE):
        return Event.NO_MORE_ELEC
    if body is Body.HP_OFF_STORE_DISCHARGE:
        if buffer_full(facts):
            return Event.NO_ELEC_BUFFER_FULL
        return Event.NO_ELEC_STORAGE_COLDER if store_colder(facts) else None
    if buffer_empty(facts) and store_useful(facts):
        return Event.NO_ELEC_BUFFER_EMPTY
    return Event.NO_MORE_ELEC if body is Body.INITIALIZING else None


def _single_event(body: Body, facts: LocalFacts, wish: PolicyWish) -> Event | None:
    """One tank or none: the source is on or off, and a full tank takes nothing."""
    full = store_full(facts) if facts.capabilities.store else facts.capabilities.buffer and buffer_full(facts)
    run = wish.run and not full
    if body is Body.HP_ON_STORE_OFF:
        return None if run else Event.NO_MORE_ELEC
    if run:
        return Event.ELEC_BUFFER_EMPTY
    return Event.NO_MORE_ELEC if body is Body.INITIALIZING else None
