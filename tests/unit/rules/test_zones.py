import pytest

from chainbell.rules.zones import STATIC, Zone, ZonePolicy


@pytest.mark.parametrize(
    ("consumption", "zone"),
    [(-20, "green"), (49.9, "green"), (50, "yellow"), (70, "yellow"), (70.1, "red"), (300, "red")],
)
def test_static_project_zones(consumption: float, zone: str) -> None:
    assert STATIC.project_zone(consumption, 0) == zone


@pytest.mark.parametrize(("consumption", "zone"), [(49.9, "green"), (50, "yellow"), (90, "yellow"), (90.1, "red")])
def test_task_zones(consumption: float, zone: str) -> None:
    assert STATIC.task_zone(consumption) == zone


@pytest.mark.parametrize(
    ("completion", "consumption", "zone"),
    [(0, 9.9, "green"), (0, 10, "yellow"), (0, 30, "red"), (50, 39.9, "green"), (50, 40, "yellow"), (50, 60, "red")]
    + [(-30, 10, "yellow"), (120, 69.9, "green"), (100, 90, "red")],
)
def test_fever_zones_rise_with_chain_completion(completion: float, consumption: float, zone: str) -> None:
    assert ZonePolicy(policy="fever").project_zone(consumption, completion) == Zone(zone)


@pytest.mark.parametrize(
    "options",
    [{"yellow": 70.0, "red": 70.0}, {"task_yellow": 95.0}, {"margin": -1.0}, {"policy": "traffic"}, {"red": 1e9}],
)
def test_a_policy_whose_zones_do_not_follow_each_other_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="zones"):
        ZonePolicy(**options)  # type: ignore[arg-type]
