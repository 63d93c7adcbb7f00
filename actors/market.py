"""The market maker of a simulated day: says the price of the hour that begins, and the hours ahead."""

from actors.base import Address, Context, Shell
from actors.events import Send, Tick
from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.prices import PriceFeed
from gw_spaceheat.messages.market import latest_price_from, prices_from

SAY = Tick("say")
HOUR_S = 3600.0
REPEAT_S = 300.0
AHEAD_H = 49


class Market(Shell):
    """Publishes `gw.spaceheat.prices` every 5 min (a lost one heals) and `latest.price` at the hour."""

    def __init__(self, context: Context, alias: str, feed: PriceFeed, gateway: Address) -> None:
        super().__init__(context)
        self._alias = alias
        self._feed = feed
        self._gateway = gateway
        self._said_hour_s = -HOUR_S

    def begin(self) -> None:
        self.context.after(1.0, SAY)

    def handle(self, message: object) -> None:
        if message != SAY:
            return
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
        if hour_s != self._said_hour_s:
            self._said_hour_s = hour_s
            latest = latest_price_from(
                market_alias=self._alias,
                slot_start_s=int(hour_s),
                usd_per_mwh=lmp[0] + distribution[0],
                message_id=self.context.new_id(),
            )
            self._gateway.tell(Send("broadcast", latest))
