"""What runs on schedule, by APScheduler: re-evaluation in each account's time zone, retention, statistics.

Two processes may do the same work without harm: each skips what the other has already evaluated or deleted.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.engine.logs import log
from chainbell.engine.portfolio.batch import enduring
from chainbell.engine.portfolio.erasure import Retention
from chainbell.rules import HostId

PATIENCE = timedelta(minutes=15)
"""How long a re-evaluation waits for a database that is away, full or locked."""
MISFIRE_SECONDS = 3600
"""How late a run may still start, if the process was busy or asleep."""


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """When things run, as crontab lines (minute, hour, day, month, weekday).

    `reevaluate` runs at that time in `time_zone`; for the accounts in `time_zones`, at that time in their own zone.
    Raises InvalidInputError for an invalid line or time zone.
    """

    reevaluate: str = "0 6 * * *"
    retain: str = "30 3 * * *"
    statistics: str = "*/5 * * * *"
    time_zone: str = "UTC"
    time_zones: Mapping[HostId, str] = field(default_factory=lambda: MappingProxyType({}))
    retention: Retention = field(default_factory=Retention)

    def __post_init__(self) -> None:
        for name in ("reevaluate", "retain", "statistics"):
            _cron(name, getattr(self, name), self.time_zone)
        for account, zone in self.time_zones.items():
            _cron(f"time_zones[{account}]", self.reevaluate, zone)


def _cron(field_name: str, line: str, zone: str) -> CronTrigger:
    try:
        return CronTrigger.from_crontab(line, timezone=ZoneInfo(zone))
    except (ValueError, KeyError, OSError) as error:
        raise InvalidInputError(field_name, f"{line!r} in {zone!r} is no time to run at: {error}") from None


def schedule(scheduler: AsyncIOScheduler, engine: Engine, times: Housekeeping) -> None:
    """Adds the jobs to a scheduler; they run in one thread, one at a time."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="chainbell-housekeeping")

    def add(name: str, line: str, zone: str, work: "partial[None]") -> None:
        async def job() -> None:
            await asyncio.get_running_loop().run_in_executor(pool, _logged, name, work)

        options = {"id": name, "coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_SECONDS}
        scheduler.add_job(job, _cron(name, line, zone), replace_existing=True, **options)

    add(
        "reevaluate", times.reevaluate, times.time_zone, partial(_reevaluate, engine, None, frozenset(times.time_zones))
    )
    for account, zone in times.time_zones.items():
        add(f"reevaluate {account!r}", times.reevaluate, zone, partial(_reevaluate, engine, account, frozenset()))
    add("retain", times.retain, times.time_zone, partial(_retain, engine, times.retention))
    add("statistics", times.statistics, times.time_zone, partial(_tell, engine))


def _logged(name: str, work: "partial[None]") -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001  the next run may do better
        log.error("chainbell.housekeeping_failed", job=name, error=repr(error))


def _reevaluate(engine: Engine, account: HostId | None, others: frozenset[HostId]) -> None:
    given = [account] if account is not None else None
    accounts = given or enduring(partial(engine.portfolio.accounts, but=others), PATIENCE.total_seconds())
    report = engine.reevaluate(accounts=accounts, patience=PATIENCE)
    log.info("chainbell.reevaluated", account_id=account, projects=report.projects, events=report.events)


def _retain(engine: Engine, limits: Retention) -> None:
    log.info("chainbell.expired", rows=engine.portfolio.retain(limits))
    log.info("chainbell.thinned", points=engine.portfolio.thin_fever_points())


def _tell(engine: Engine) -> None:
    counted = engine.portfolio.statistics()
    projects = {f"projects_{status.lower()}": count for status, count in counted.projects.items()}
    deliveries = {f"deliveries_{state}": count for state, count in counted.deliveries.items()}
    log.info("chainbell.statistics", **projects, **deliveries)
