"""One evaluation of a project against a bare critical-path pass over plain lists: `python benchmarks/rules.py`.

The evaluation is everything the engine decides with: forecast, buffer states, tails and consumption of every task,
zones, the ten rules. The yardstick is a forward and a backward pass over lists with the order stored, nothing else.
"""

import argparse
from collections.abc import Callable
from datetime import date
from random import Random
from statistics import median

from measuring import Targets, in_turn, ratio

from chainbell.rules import (
    Buffer,
    Calendar,
    Cause,
    Link,
    Project,
    ProjectStatus,
    Task,
    TaskStatus,
    compile_network,
    evaluate,
)
from chainbell.rules.planning.baseline import with_planned_dates
from chainbell.rules.planning.chains import find_chains
from chainbell.rules.planning.sizing import half_chain

MONDAY = date(2025, 3, 3)
LATE = 5.0
"""Working days by which the work in progress is late, so that every buffer is taken from."""


def project(count: int) -> Project:
    """A project of `count` tasks and half as many links again, every tenth task critical, half of the work done.

    Whatever the size, a task has its links among the hundred tasks around it, so that only the size differs.
    """
    rng = Random(count)
    tasks = [Task(n, f"Task {n}", float(rng.randint(1, 10)), 0.0, 0.0) for n in range(count)]
    links = [Link(n - 1 if n % 10 else max(0, n - 10), n) for n in range(1, count)]
    links += [Link(rng.randrange(max(0, n - 50), n), n) for n in rng.sample(range(1, count), count // 2)]
    network = compile_network(tasks, list({(link.predecessor, link.successor): link for link in links}.values()))
    planned = with_planned_dates(tasks, network, {})
    start, finish = [task.planned_start for task in planned], [task.planned_finish for task in planned]
    chains = find_chains(planned, network, start, finish)
    critical = [(planned[network.positions[task_id]].duration, 0.0) for task_id in chains[0].tasks]
    buffers = [Buffer("PB", chains[0].id, half_chain(critical))]
    feeding = [chain for chain in chains[1:] if chain.joins in chains[0].tasks]
    buffers += [Buffer(f"FB{n}", chain.id, 3.0) for n, chain in enumerate(feeding)]
    now = max(finish) / 2
    return Project(
        account_id=1,
        id=count,
        name="Benchmark",
        status=ProjectStatus.ACTIVE,
        start_date=MONDAY,
        target_end_date=None,
        calendar=Calendar(MONDAY),
        tasks=tuple(_at_work(task, now) for task in planned),
        chains=chains,
        buffers=tuple(buffers),
        network=network,
    )


def _at_work(task: Task, now: float) -> Task:
    begun = task._replace(started=task.planned_start)
    if task.planned_finish <= now:
        return begun._replace(status=TaskStatus.COMPLETED, remaining=0.0, percent=100.0, finished=task.planned_finish)
    if task.planned_start <= now:
        left = task.planned_finish - now + LATE
        return begun._replace(status=TaskStatus.IN_PROGRESS, remaining=left, counted_from=now)
    return task


def evaluation(subject: Project) -> Callable[[], object]:
    """Evaluates the project again, an hour later: what a clock tick does."""
    now = max(task.planned_finish for task in subject.tasks) / 2
    calendar = subject.calendar
    seen = evaluate(None, subject, calendar.instant(now), Cause("clock")).project
    later = calendar.instant(now + 0.125)
    return lambda: evaluate(seen, seen, later, Cause("clock"))


def bare_pass(subject: Project) -> Callable[[], object]:
    """Earliest and latest dates from plain lists."""
    order = list(subject.network.order)
    durations = [task.remaining_duration for task in subject.tasks]
    before = [[edge[0] for edge in edges] for edges in subject.network.predecessors]
    after = [[edge[0] for edge in edges] for edges in subject.network.successors]
    backwards = order[::-1]

    def both() -> tuple[list[float], list[float]]:
        finish = [0.0] * len(order)
        for position in order:
            begin = 0.0
            for other in before[position]:
                if finish[other] > begin:
                    begin = finish[other]
            finish[position] = begin + durations[position]
        end = max(finish)
        latest = [end] * len(order)
        for position in backwards:
            bound = end
            for other in after[position]:
                start = latest[other] - durations[other]
                if start < bound:
                    bound = start
            latest[position] = bound
        return finish, latest

    return both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds instead of a minute")
    rounds = 5 if parser.parse_args().quick else 15
    targets = Targets()
    each: dict[int, float] = {}
    for count in (100, 1_000, 10_000):
        subject = project(count)
        works = {"evaluation": evaluation(subject), "bare pass": bare_pass(subject)}
        taken = in_turn(works, max(3, 40_000 // count), rounds)
        figures = {name: median(times) * 1e6 for name, times in taken.items()}
        each[count] = figures["evaluation"] / count
        print(
            f"{count:6} tasks, {len(subject.buffers):4} buffers: evaluation {figures['evaluation']:9.1f} us "
            f"({each[count]:.2f} a task), bare pass {figures['bare pass']:8.1f} us"
        )
        if count == 100:
            targets.at_most("evaluation-over-bare-pass", ratio(taken, "evaluation", "bare pass"), 8.0)
    for count in (1_000, 10_000):
        targets.at_most(f"cost-per-task-{count}-over-100", each[count] / each[100], 1.2)
    targets.exit()


if __name__ == "__main__":
    main()
