"""Random plans for histories: given chains and buffers, five time zones, mostly networks of FS links to a finish."""

from datetime import date, timedelta
from random import Random
from typing import Any

Document = dict[str, Any]

CLOCK_CHANGES = {
    "UTC": date(2025, 3, 30),
    "America/New_York": date(2025, 3, 9),
    "Asia/Kolkata": date(2025, 7, 1),
    "Australia/Lord_Howe": date(2025, 10, 5),
    "Europe/Berlin": date(2025, 10, 26),
}
"""By time zone a day about which histories are told: where there is one, of a change of the clock."""

PEOPLE: list[Document] = [
    {"id": 11, "name": "Ann Field", "email": "ann@example.com"},
    {"id": 12, "name": "Bo"},
    {"id": "P-13", "name": "Çelik Øst", "email": "c@example.com"},
]


def quarters(rng: Random, least: int, most: int) -> float:
    return rng.randint(least, most) / 4


def random_plan(rng: Random, project: int | str, account: int = 7) -> Document:
    count = rng.randint(2, 8)
    ids = _ids(rng, count)
    tasks = [_task(rng, task) for task in ids]
    links = _plain_links(rng, ids, tasks) if rng.random() < 0.65 else _any_links(rng, ids)
    chains = _chains(rng, ids, links)
    document = {
        "accountId": account,
        "project": _project(rng, project),
        "tasks": tasks,
        "links": links,
        "chains": chains,
        "buffers": _buffers(rng, chains),
        "milestones": _milestones(rng),
    }
    _give_dates(rng, document)
    rng.shuffle(tasks)
    rng.shuffle(links)
    if rng.random() < 0.1:
        _put_under_way(rng, document)
    return document


def _ids(rng: Random, count: int) -> list[Any]:
    """In the order of the network, which is not the order of the ids."""
    numbers = rng.sample(range(1, 30), count)
    return [f"PROJ-{number}" for number in numbers] if rng.random() < 0.2 else numbers


def _task(rng: Random, task: int | str) -> Document:
    length = 0.0 if rng.random() < 0.1 else quarters(rng, 1, rng.choice([8, 20, 40]))
    document: Document = {"id": task, "name": f"Task {task}", "duration": length}
    if rng.random() < 0.4:
        document["assignedTo"] = rng.choice(PEOPLE)
    return document


def _plain_links(rng: Random, ids: list[Any], tasks: list[Document]) -> list[Document]:
    """FS links; some ends stay open, the others lead to the last task, a milestone of the plan more often than not."""
    if rng.random() < 0.6:
        tasks[-1]["duration"] = 0.0
    links: list[Document] = []
    for place, task in enumerate(ids[1:-1], 1):
        chosen = rng.sample(ids[:place], min(place, rng.choice([0, 1, 1, 1, 2])))
        links += [{"from": before, "to": task} for before in chosen]
    leading = {link["from"] for link in links}
    last = [task for task in ids[:-1] if (task not in leading and rng.random() < 0.7) or rng.random() < 0.1]
    links += [{"from": task, "to": ids[-1]} for task in last]
    for link in links:
        if rng.random() < 0.15:
            link["lag"] = quarters(rng, -4, 8)
        if rng.random() < 0.3:
            link["type"] = "FS"
    return links


def _any_links(rng: Random, ids: list[Any]) -> list[Document]:
    pairs = [(before, after) for place, after in enumerate(ids) for before in ids[:place]]
    links = []
    for before, after in rng.sample(pairs, rng.randint(1, min(len(pairs), 2 * len(ids), 12))):
        link = {"from": before, "to": after, "type": rng.choice(["FS", "FS", "SS", "FF", "SF"])}
        if rng.random() < 0.5:
            link["lag"] = quarters(rng, -12, 12)
        links.append(link)
    return links


def _chains(rng: Random, ids: list[Any], links: list[Document]) -> list[Document]:
    """Paths of the network, as long as there are tasks left: the first, to the last task, is critical."""
    free = list(ids)
    chains: list[Document] = []
    while free and (not chains or rng.random() < 0.8):
        path = [free[-1]]
        while rng.random() < 0.9:
            before = [link["from"] for link in links if link["to"] == path[0] and link["from"] in free]
            if not before:
                break
            path.insert(0, rng.choice(before))
        free = [task for task in free if task not in path]
        if not chains:
            chains.append({"id": "critical", "kind": "critical", "tasks": path})
            continue
        chain: Document = {"id": f"f{len(chains)}", "kind": "feeding", "tasks": path}
        after = [link["to"] for link in links if link["from"] == path[-1] and link["to"] not in path]
        if after and rng.random() < 0.9:
            chain["joins"] = rng.choice(after)
        chains.append(chain)
    return chains


def _buffers(rng: Random, chains: list[Document]) -> list[Document]:
    buffers = []
    for chain in chains:
        critical = chain["kind"] == "critical"
        if not critical and rng.random() < 0.25:
            continue
        largest = rng.choice([16, 60, 120]) if critical else rng.choice([8, 40])
        size = 0.0 if rng.random() < 0.08 else quarters(rng, 1, largest)
        buffer = {"id": "PB" if critical else f"B-{chain['id']}", "chain": chain["id"], "size": size}
        measures = ["forecast", "overage"] if critical or "joins" not in chain else ["forecast", "overage", "gap"]
        if rng.random() < 0.3:
            buffer["measure"] = rng.choice(measures)
        buffers.append(buffer)
    if rng.random() < 0.2:
        buffers.reverse()
    return buffers


def random_zones(rng: Random) -> Document:
    zones: Document = {}
    if rng.random() < 0.4:
        zones["policy"] = "fever"
        if rng.random() < 0.5:
            zones["feverYellow"] = [rng.choice([0, 5, 20]), rng.choice([50, 60, 70])]
            zones["feverRed"] = [rng.choice([25, 30, 40]), rng.choice([80, 90, 100])]
    elif rng.random() < 0.4:
        zones |= {"yellow": rng.choice([20, 33, 50]), "red": rng.choice([60, 66, 80])}
    if rng.random() < 0.3:
        zones |= {"taskYellow": rng.choice([30, 50]), "taskRed": rng.choice([75, 95, 120])}
    if rng.random() < 0.5:
        zones["margin"] = rng.choice([0, 0, 2.5, 10, 20])  # never more than a threshold
    return zones


def _calendar(rng: Random) -> tuple[Document, date]:
    zone = rng.choice(list(CLOCK_CHANGES))
    calendar: Document = {"timeZone": zone}
    start = CLOCK_CHANGES[zone] - timedelta(days=rng.randint(1, 14))
    kind = rng.random()
    if kind < 0.15:
        calendar["calendarDays"] = True
    elif kind < 0.4:
        calendar["hours"] = [["08:00", "12:00"], ["13:00", "17:00"]]
    elif kind < 0.5:
        calendar["hours"] = ["08:00", "16:00"]
    if rng.random() < 0.2:
        calendar["workingDays"] = rng.choice([[7, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1, 3, 5]])
    if rng.random() < 0.3:
        calendar["holidays"] = [(start + timedelta(days=rng.randint(0, 25))).isoformat() for _ in range(2)]
    if zone == "UTC" and rng.random() < 0.5:
        calendar = {} if rng.random() < 0.5 else {**calendar, "timeZone": "UTC"}
    return calendar, start


def _project(rng: Random, project: int | str) -> Document:
    calendar, start = _calendar(rng)
    document: Document = {"id": project, "name": f"Project {project}", "startDate": start.isoformat()}
    if calendar:
        document["calendar"] = calendar
    document["zones"] = random_zones(rng)
    if rng.random() < 0.4:
        document["status"] = rng.choice(["Active", "Active", "Planning", "Frozen", "OnHold"])
    if rng.random() < 0.6:
        document["targetEndDate"] = (start + timedelta(days=rng.randint(5, 50))).isoformat()
    if rng.random() < 0.4:
        document |= {"manager": rng.choice(PEOPLE), "teamSize": rng.randint(0, 9)}
    if rng.random() < 0.25:
        document["readiness"] = rng.choice(["predecessors", "predecessors", "dates"])
    if rng.random() < 0.25:
        document["inheritedRed"] = rng.random() < 0.8
    if rng.random() < 0.3:
        document["remainingFrom"] = rng.choice(["percent", "percent", "report"])
    return document


def _milestones(rng: Random) -> list[Document]:
    milestones = []
    for number in range(rng.choice([0, 1, 1, 2])):
        milestone: Document = {"id": 300 + number, "name": f"Milestone {number}"}
        if rng.random() < 0.7:
            milestone["plannedDate"] = f"2025-{rng.randint(3, 11):02}-15"
        if rng.random() < 0.5:
            milestone["deliverables"] = [{"id": 901, "name": "Build"}, {"id": 902, "name": "Notes", "status": "Draft"}]
        milestones.append(milestone)
    return milestones


def _give_dates(rng: Random, document: Document) -> None:
    """A few planned starts and a few starts that must not come earlier, as dates or as working days."""
    start = date.fromisoformat(document["project"]["startDate"])
    for task in document["tasks"]:
        for field in ("plannedStart", "startNoEarlierThan"):
            if rng.random() < 0.06:
                days = rng.randint(0, 14)
                as_date = (start + timedelta(days=days)).isoformat()
                task[field] = as_date if rng.random() < 0.5 else float(quarters(rng, 0, 40))


def _put_under_way(rng: Random, document: Document) -> None:
    """One task that nothing precedes has begun before the plan is loaded."""
    led_to = {link["to"] for link in document["links"]}
    task = rng.choice([task for task in document["tasks"] if task["id"] not in led_to])
    start = document["project"]["startDate"]
    task |= {"status": "InProgress", "actualStart": f"{start}T12:00:00Z", "percentComplete": 25.0}
    task["remainingDuration"] = quarters(rng, 1, 20)
    if rng.random() < 0.6:
        data_date = date.fromisoformat(start) + timedelta(days=rng.randint(0, 5))
        document["project"]["statusDate"] = rng.choice([data_date.isoformat(), f"{data_date}T15:00:00Z"])
