from hypothesis import given
from hypothesis import strategies as st

from gw_spaceheat.physics.thermometers import TOP_UNSEEN_K, filled, limiting_c, top_first

LAYER = st.none() | st.floats(5.0, 95.0)


def test_the_tenth_tank_comes_after_the_second() -> None:
    names = {"tank10_1_c", "tank2_2_c", "tank2_1_c", "buffer_1_c", "tank1_1_c"}
    assert top_first(names, "tank") == ("tank1_1_c", "tank2_1_c", "tank2_2_c", "tank10_1_c")


def test_a_dead_thermometer_is_between_its_neighbours() -> None:
    assert filled((80.0, None, 60.0, None)) == (80.0, 70.0, 60.0, 60.0)
    assert filled((None, 70.0, 60.0)) == (70.0, 70.0, 60.0)
    assert filled((None, 70.0, None, None, 55.0, 54.0)) == (70.0, 70.0, 65.0, 60.0, 55.0, 54.0)


def test_with_most_of_them_dead_the_tank_is_unknown() -> None:
    assert filled((70.0, None, None)) is None
    assert filled(()) is None
    assert limiting_c((None, None, 70.0)) is None
    assert limiting_c(()) is None


def test_an_unseen_top_is_taken_for_hotter_than_all_that_is_seen() -> None:
    assert limiting_c((81.0, 80.0, 40.0)) == 81.0
    assert limiting_c((None, 78.0, 40.0)) == 78.0 + TOP_UNSEEN_K


@given(st.lists(LAYER, min_size=1, max_size=12))
def test_what_is_known_stays_and_what_is_put_in_lies_within_it(layers_c: list[float | None]) -> None:
    known = [layer_c for layer_c in layers_c if layer_c is not None]
    profile = filled(layers_c)
    if profile is None:
        assert len(known) < max(1.0, len(layers_c) / 2.0)
        return
    assert all(layer_c is None or layer_c == put for layer_c, put in zip(layers_c, profile, strict=True))
    assert all(min(known) - 1e-9 <= put <= max(known) + 1e-9 for put in profile)
