"""Run by test_openapi.py beside a client that was generated: creates a webhook, applies a change, reads an event."""

import sys
from datetime import UTC, datetime

from made.api.events import list_events, read_event
from made.api.projects import apply_changes, load_plan, read_project
from made.api.webhooks import create_webhook, list_webhooks
from made.client import AuthenticatedClient
from made.models import (
    EventExplained,
    EventList,
    EventsFired,
    PlanDocument,
    PlanLoaded,
    ProjectReport,
    Registration,
    TaskStatus,
    TaskUpdate,
    WebhookCreated,
)

TODAY, ALL_DAYS = datetime.now(UTC).date().isoformat(), {"calendarDays": True}
url, token = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)

made = create_webhook.sync(
    client=client,
    body=Registration.from_dict({"name": "mine", "url": "http://127.0.0.1:9/hook", "events": ["task.red"]}),
)
assert isinstance(made, WebhookCreated), made
assert len(made.secret) >= 32
assert list_webhooks.sync(client=client).value[0].id == made.id

plan = {
    "project": {"id": 7, "name": "Seven", "startDate": TODAY, "status": "Active", "calendar": ALL_DAYS},
    "tasks": [{"id": 1, "name": "First", "duration": 5}, {"id": 2, "name": "Second", "duration": 5}],
    "links": [{"from": 1, "to": 2}],
}
loaded = load_plan.sync("7", client=client, body=PlanDocument.from_dict(plan))
assert isinstance(loaded, PlanLoaded), loaded
assert "task.ready" in [event.event for event in loaded.events]

change = TaskUpdate.from_dict(
    {"kind": "task.update", "projectId": 7, "taskId": 1, "status": "InProgress", "remainingDuration": 25}
)
fired = apply_changes.sync(client=client, body=change)
assert isinstance(fired, EventsFired), fired
assert "task.red" in [event.event for event in fired.events]

listed = list_events.sync(client=client, event="task.red")
assert isinstance(listed, EventList), listed
one = read_event.sync(listed.value[0].id, client=client)
assert isinstance(one, EventExplained), one
assert one.why.to_dict()["threshold"] == 90.0
report = read_project.sync("7", client=client)
assert isinstance(report, ProjectReport), report
assert report.tasks[0].status == TaskStatus.INPROGRESS
print("done")
