"""One constructed example of every payload type, with values as a house would send them."""

from gw_spaceheat.messages import alerts, contract, dispatch, forecast, layout, link, market, policy, telemetry
from gw_spaceheat.messages.base import WireModel, type_name_of

SCADA, ATN, MARKET = "d1.isone.me.versant.beech.scada", "d1.isone.me.versant.beech", "d1.isone.me.versant"
HOUR_S = 1_768_478_400
NOW_S = HOUR_S + 300.25
NOW_MS = HOUR_S * 1000 + 300_250
IDS = tuple(f"c3cd6c8d-e8d8-4875-8f7b-d3ea13c286{number:02d}" for number in range(20))
TELEMETRIES = {
    "hp-lwt": "WaterTempCTimes1000",
    "oat": "AirTempCTimes1000",
    "hp-odu-pwr": "PowerW",
    "primary-flow": "GpmTimes100",
    "store-pump-relay": "RelayState",
}
READINGS: dict[str, list[tuple[float, int]]] = {
    "hp-lwt": [(47.123, NOW_MS - 60_000), (47.5, NOW_MS)],
    "oat": [(-12.5, NOW_MS)],
    "hp-odu-pwr": [(0.0, NOW_MS - 60_000), (4321.4, NOW_MS)],
    "primary-flow": [(18.92705892, NOW_MS)],
    "store-pump-relay": [(1.0, NOW_MS)],
    "silent": [],
}
HORIZON_S = tuple(HOUR_S + 3600 * hour for hour in range(1, 49))


def a_fsm_event() -> dispatch.FsmEvent:
    return dispatch.relay_event_from(
        from_handle="auto.h", to_handle="auto.h.relay1", closed=True, trigger_id=IDS[0], now_s=NOW_S
    )


def an_analog_dispatch() -> dispatch.AnalogDispatch:
    return dispatch.setpoint_dispatch_from(
        alias=ATN,
        from_handle="auto.h",
        to_handle="auto.h.hp-setpoint",
        about_name="hp-setpoint",
        setpoint_c=52.5,
        trigger_id=IDS[1],
        now_s=NOW_S,
    )


def a_policy() -> policy.HousePolicy:
    return policy.HousePolicy(
        from_g_node_alias=ATN,
        scada_alias=SCADA,
        message_id=IDS[5],
        created_ms=NOW_MS,
        valid_from_s=HOUR_S,
        step_s=(3600,),
        price_usd_per_mwh=(91.25,),
        outdoor_c=(-7.5,),
        setpoint_c=(20.0,),
        lowest_k=-0.5,
        highest_k=1.0,
        coldest_top=30.0,
        top_step=10.0,
        tops=2,
        spread_step=2.0,
        spreads=2,
        offset_usd=(12.5,),
        scale_usd=(0.0005,),
        tables="eJxjYKAcAAAAMAAB",
        parameters_version="1",
        parameters="{}",
    )


def a_report() -> telemetry.Report:
    trigger = telemetry.FsmAtomicReport(
        machine_handle="auto.h.relay1",
        state_enum="simple.relay.state",
        report_type="Event",
        event_enum="change.relay.state",
        event="CloseRelay",
        from_state="RelayOpen",
        to_state="RelayClosed",
        unix_time_ms=NOW_MS,
        trigger_id=IDS[2],
    )
    action = telemetry.FsmAtomicReport(
        machine_handle="auto.h.relay1",
        state_enum="simple.relay.state",
        report_type="Action",
        action_type="RelayPinSet",
        action=1,
        unix_time_ms=NOW_MS,
        trigger_id=IDS[2],
    )
    return telemetry.report_from(
        alias=SCADA,
        instance_id=IDS[3],
        about_alias=f"{ATN}.ta",
        slot_start_s=HOUR_S,
        slot_duration_s=300,
        readings=READINGS,
        telemetries=TELEMETRIES,
        message_id=IDS[4],
        created_s=NOW_S,
        states=[
            telemetry.MachineStates(
                machine_handle="auto.h.n",
                state_enum="local.control.all.tanks.state",
                state_list=("HpOnStoreOff", "HpOnStoreCharge"),
                unix_ms_list=(NOW_MS - 5000, NOW_MS),
            )
        ],
        fsm_reports=[telemetry.FsmFullReport(from_name="relay1", trigger_id=IDS[2], atomic_list=(trigger, action))],
    )


def a_snapshot() -> telemetry.SnapshotSpaceheat:
    return telemetry.snapshot_from(
        alias=SCADA,
        instance_id=IDS[3],
        now_s=NOW_S,
        latest={name: values[-1] for name, values in READINGS.items() if values},
        telemetries=TELEMETRIES,
        states=[
            telemetry.SingleMachineState(
                machine_handle="auto", state_enum="main.auto.state", state="LocalControl", unix_ms=NOW_MS, cause="start"
            )
        ],
    )


def a_contract() -> contract.SlowDispatchContract:
    return contract.SlowDispatchContract(
        scada_alias=SCADA,
        start_s=HOUR_S,
        duration_minutes=60,
        avg_power_watts=4500,
        oil_boiler_on=False,
        contract_id=IDS[5],
    )


def heartbeats() -> list[contract.SlowContractHeartbeat]:
    """One for every status that either side may say."""
    status = contract.ContractStatus
    created = contract.make_heartbeat("ltn", a_contract(), status.CREATED, HOUR_S * 1000 - 2000)
    said: list[contract.SlowContractHeartbeat] = [created]
    for one in status:
        if one is status.CREATED:
            continue
        from_ltn = one in (status.CONFIRMED, status.TERMINATED_BY_LTN)
        said.append(
            contract.make_heartbeat(
                "ltn" if from_ltn else "s",
                a_contract(),
                one,
                NOW_MS,
                previous_status=said[-1].status,
                cause="the house is cold" if one in contract.NEEDS_CAUSE else None,
                used_wh=None if from_ltn else 812.6,
                your_last_digit=said[-1].my_digit,
                previous_proof=said[-1].signed_proof,
            )
        )
    return said


def a_weather_forecast() -> forecast.WeatherForecast:
    return forecast.weather_forecast_from(
        alias=MARKET,
        weather_channel="weather.gov.kmlt",
        times_s=HORIZON_S,
        outdoor_c=[-10.0 + hour / 4 for hour in range(48)],
        wind_m_per_s=[3.0] * 48,
        weather_id=IDS[6],
        created_s=NOW_S,
    )


def a_heating_forecast() -> forecast.HeatingForecast:
    return forecast.heating_forecast_from(
        alias=ATN,
        times_s=HORIZON_S,
        heat_w=[8000.0 - 50 * hour for hour in range(48)],
        source_water_c=[52.0] * 48,
        drop_k=[8.0] * 48,
        weather_id=IDS[6],
        created_s=NOW_S,
    )


def a_plan() -> forecast.HousePlan:
    step = forecast.PlannedStep(
        start_s=HOUR_S,
        minutes=60,
        hp_electric_kwh=4.5,
        hp_heat_kwh=11.2,
        store_heat_kwh=3.1,
        store_energy_kwh=22.0,
        store_top_c=61.5,
        price_usd_per_mwh=48.0,
        cost_usd=0.216,
        reason="cheap hour before the morning peak",
        unmet=("store full",),
    )
    return forecast.plan_from(
        forecast.HousePlan(
            from_g_node_alias=ATN,
            message_id=IDS[7],
            created_ms=NOW_MS,
            steps=(step,),
            total_cost_usd=4.2,
            terminal_value_usd=1.1,
            marginal_heat_usd_per_kwh=0.031,
        ),
        alias=ATN,
        message_id=IDS[7],
        now_s=NOW_S,
    )


def a_flo_params() -> forecast.FloParamsHouse0:
    numbers = dict.fromkeys(
        [
            *("initial_top_temp_f", "initial_middle_temp_f", "initial_bottom_temp_f", "initial_thermocline_1"),
            *("initial_thermocline_2", "alpha_times_10", "beta_times_100", "gamma_ex6", "intermediate_rswt_f"),
            *("dd_rswt_f", "dd_delta_t_f", "max_ewt_f", "hp_turn_on_minutes", "constant_delta_t"),
        ],
        12,
    )
    measures = dict.fromkeys(
        [
            *("storage_losses_percent", "hp_min_elec_kw", "hp_max_elec_kw", "buffer_available_kwh"),
            *("house_available_kwh", "intermediate_power_kw", "dd_power_kw", "cop_intercept", "cop_oat_coeff"),
            *("cop_lwt_coeff", "cop_min", "cop_min_oat_f"),
        ],
        1.5,
    )
    return forecast.FloParamsHouse0(
        g_node_alias=ATN,
        flo_params_uid=IDS[8],
        timezone_str="America/New_York",
        start_unix_s=HOUR_S,
        horizon_hours=48,
        num_layers=24,
        storage_volume_gallons=360,
        hp_is_off=False,
        lmp_forecast=(31.5,) * 48,
        dist_price_forecast=(50.13,) * 48,
        oat_forecast_f=(12.0,) * 48,
        price_forecast_uid=IDS[9],
        weather_uid=IDS[6],
        params_generated_s=HOUR_S,
        **numbers,
        **measures,
    )


def an_event(model: type[alerts.CommunicationEvent]) -> alerts.CommunicationEvent:
    return model(message_id=IDS[10], time_created_ms=NOW_MS, src=SCADA, peer_name="ltn", type_name=type_name_of(model))


def published_examples() -> list[WireModel]:
    """All types that GridWorks publishes."""
    return [
        a_report(),
        telemetry.ReportEvent(message_id=IDS[4], time_created_ms=NOW_MS, src=SCADA, report=a_report()),
        a_snapshot(),
        telemetry.power_watts_from(4321.4),
        telemetry.SendSnap(from_g_node_alias=ATN),
        telemetry.RemainingElec(from_g_node_alias=SCADA, remaining_watt_hours=812, message_id=IDS[11]),
        layout.SendLayout(from_g_node_alias=ATN, message_created_ms=NOW_MS),
        alerts.glitch_from(
            alias=SCADA,
            node="relay1",
            level=alerts.LogLevel.WARNING,
            summary="no effect",
            details="relay1 closed, pump power 0 W for 30 s",
            now_s=NOW_S,
        ),
        alerts.startup_from(alias=SCADA, message_id=IDS[12], now_s=NOW_S),
        alerts.shutdown_from(alias=SCADA, message_id=IDS[13], now_s=NOW_S, reason="SIGTERM"),
        alerts.problem_from(alias=SCADA, message_id=IDS[14], now_s=NOW_S, problem_type="error", summary="disk full"),
        an_event(alerts.MqttConnectEvent),
        an_event(alerts.MqttConnectFailedEvent),
        an_event(alerts.MqttDisconnectEvent),
        an_event(alerts.MqttFullySubscribedEvent),
        an_event(alerts.ResponseTimeoutEvent),
        an_event(alerts.PeerActiveEvent),
        link.Ping(message_id=IDS[15]),
        link.Ack(ack_message_id=IDS[15]),
        a_contract(),
        *heartbeats(),
        dispatch.DispatchContractGoLive(from_g_node_alias=ATN),
        dispatch.DispatchContractGoDormant(from_g_node_alias=ATN),
        a_fsm_event(),
        an_analog_dispatch(),
        dispatch.AdminDispatch(dispatch_trigger=a_fsm_event(), timeout_seconds=600),
        dispatch.AdminAnalogDispatch(dispatch=an_analog_dispatch(), timeout_seconds=600),
        dispatch.AdminKeepAlive(admin_timeout_seconds=300),
        dispatch.AdminKeepAlive(),
        dispatch.AdminReleaseControl(),
        market.latest_price_from(market_alias=MARKET, slot_start_s=HOUR_S, usd_per_mwh=-12.345, message_id=IDS[16]),
        market.bid_from(
            bidder_alias=ATN, market_alias=MARKET, slot_start_s=HOUR_S, pairs=[(20.0, 9.0), (1000.0, 0.0), (60.5, 4.5)]
        ),
        a_weather_forecast(),
        a_heating_forecast(),
        a_flo_params(),
    ]


def own_examples() -> list[WireModel]:
    """All types of ours but the layout, which needs a house."""
    return [
        link.clock_from(NOW_S, 60.0),
        a_plan(),
        dispatch.HomeownerOptOut(opted_out=True, by="homeowner"),
        dispatch.CommandResult(
            from_g_node_alias=SCADA,
            command_id=IDS[17],
            node="relay1",
            outcome="refused",
            value=1.0,
            rule="minimum off",
            reason="relay store-pump: ON refused, heat pump off for 40 s, minimum is 300 s",
            wait_s=260.0,
            created_ms=NOW_MS,
        ),
        a_policy(),
        market.slot_result_from(
            alias=ATN,
            slot_name=market.market_slot_name("rt60gate5", MARKET, HOUR_S),
            message_id=IDS[16],
            now_s=NOW_S,
            outcome=market.SlotOutcome(120.0, 131.5, 2.5, None, 2.25, 2.49, 0.0125, -0.004, "refused: opted out"),
        ),
        market.prices_from(
            market_alias=MARKET,
            message_id=IDS[18],
            now_s=NOW_S,
            start_s=HOUR_S,
            lmp_usd_per_mwh=[30.0, -5.5],
            distribution_usd_per_mwh=[50.13, 487.63],
        ),
    ]
