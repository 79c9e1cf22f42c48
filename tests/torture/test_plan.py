"""A plan is the same for the same seed, and has what it says."""

from __future__ import annotations

import itertools
import random

import plan
import pytest
from plan import Fault, Round


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FAULT", "ROUNDS", "MINUTES", "SEED"):
        monkeypatch.delenv(name, raising=False)


def planned(seed: int, group: str, storage: str = "postgres", count: int = 1000) -> list[Round]:
    weights = plan.faults(storage, group)
    return list(itertools.islice(plan.rounds(random.Random(seed), 11, weights), count))


def test_the_same_seed_gives_the_same_plan_and_another_one_does_not() -> None:
    assert planned(1, "all") == planned(1, "all")
    assert planned(1, "all") != planned(2, "all")


def test_the_mixture_has_every_fault_that_can_befall_a_store() -> None:
    assert {part.fault for part in planned(1, "all")} == set(Fault)
    without_database = {part.fault for part in planned(1, "all", "rocksdb")}
    assert without_database == set(Fault) - plan.POSTGRES


@pytest.mark.parametrize("group", [group for group in plan.BY_DEFAULT if group != "all"])
def test_each_fault_of_a_group_comes_once_before_any_comes_twice(group: str) -> None:
    faults = list(plan.GROUPS[group])
    assert [part.fault for part in planned(1, group, count=len(faults))] == faults


def test_all_groups_are_run_and_the_mixture_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert plan.cases(["postgres"]) == [("postgres", group) for group in plan.BY_DEFAULT]
    groups = ["broker", "clients", "disks", "all"]
    assert plan.cases(["rocksdb"]) == [("rocksdb", group) for group in groups]
    monkeypatch.setenv("MINUTES", "1")
    assert plan.cases(["rocksdb", "postgres"]) == [("rocksdb", "all"), ("postgres", "all")]
    assert plan.round_count("rocksdb", "all") is None


def test_faults_can_be_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "cut-late,kill")
    monkeypatch.setenv("ROUNDS", "7")
    assert plan.cases(["rocksdb", "postgres"]) == [
        ("rocksdb", "kill"), ("postgres", "kill"), ("postgres", "cut-late"),
    ]  # fmt: skip
    assert plan.round_count("rocksdb", "kill") == 7
    monkeypatch.setenv("FAULT", "flood")
    with pytest.raises(ValueError, match="FAULT=flood: there are broker, "):
        plan.cases(["rocksdb"])


def test_no_round_begins_after_its_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUTES", "1e-9")
    assert list(plan.in_time(iter(planned(1, "all")), None)) == []
