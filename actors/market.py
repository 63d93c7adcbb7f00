"""The market maker of a simulated day: takes bids, clears each hour 5 min ahead, says the prices of the hours ahead."""

from actors.base import Address, Context, Shell
from actors.events import Received, Send, Tick
from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.prices import PriceFeed
from gw_spaceheat.messages.market import Bid, latest_price_from, prices_from, slot_start_s

SAY = Tick("say")
HOUR_S = 3600.0
REPEAT_S = 300.0
AHEAD_H = 49
GATE_S = 300.0


class Market(Shell):
    """Publishes `gw.spaceheat.prices` every 5 min (a lost one heals) and `latest.price` when the gate closes.

    The houses are price takers: each gets what it bid for at the hour's price.
    """

    def __init__(self, context: Context, alias: str, feed: PriceFeed, gateway: Address) -> None:
        super().__init__(context)
        self._alias = alias
        self._feed = feed
        self._gateway = gateway
        self._said_hour_s = -HOUR_S
        self._bids: dict[str, Bid] = {}  # by bidder: the last one

    def begin(self) -> None:
        self.context.after(1.0, SAY)

    def handle(self, message: object) -> None:
        if isinstance(message, Received) and isinstance(message.payload, Bid):
            self._bids[message.payload.bidder_alias] = message.payload
        elif message == SAY:
            self._say()

    def _say(self) -> None:
        now_s = self.context.now()
        self.context.after(REPEAT_S - now_s % REPEAT_S, SAY)
        hour_s = now_s // HOUR_S * HOUR_S
        hours = AHEAD_H
        while hours > 1 and not self._feed.covers(hour_s, hour_s + hours * HOUR_S):
            hours -= 1
        times_s = [hour_s + HOUR_S * hour for hour in range(hours)]
        try:
            lmp = [self._feed.lmp_usd_per_mwh(time_s) for time_s in times_s]
            distribution = [self._feed.distribution_usd_per_mwh(time_s) for time_s in times_s]
        except BadInput as error:
            self.context.log("prices", f"none for this hour: {error}")
            return
        prices = prices_from(
            market_alias=self._alias,
            message_id=self.context.new_id(),
            now_s=now_s,
            start_s=int(hour_s),
            lmp_usd_per_mwh=lmp,
            distribution_usd_per_mwh=distribution,
        )
        self._gateway.tell(Send("broadcast", prices))
        # Gate closed: the slot that begins next is cleared. (A second of grace for a timer that is early.)
        slot_s = (now_s + GATE_S + 1.0) // HOUR_S * HOUR_S
        place = int((slot_s - hour_s) // HOUR_S)
        if slot_s != self._said_hour_s and place < len(lmp):
            self._said_hour_s = slot_s
            self._clear(int(slot_s), lmp[place] + distribution[place])

    def _clear(self, slot_s: int, usd_per_mwh: float) -> None:
        latest = latest_price_from(
            market_alias=self._alias, slot_start_s=slot_s, usd_per_mwh=usd_per_mwh, message_id=self.context.new_id()
        )
        self._gateway.tell(Send("broadcast", latest))
        for bidder, bid in self._bids.items():
            if slot_start_s(bid.market_slot_name) == slot_s:
                self.context.log("cleared", f"{bidder}: {bid.quantity_kw(usd_per_mwh):.3f} kW at {usd_per_mwh:.2f}")
