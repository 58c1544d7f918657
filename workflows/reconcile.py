"""reconcile: what the rows say and what Temporal does are one and the same again."""

from datetime import timedelta

from temporalio import workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.reconcile import Reconcile
    from workflows.policy import QUEUE

SCHEDULE = "reconcile"


@workflow.defn(name="Reconcile")
class ReconcileWorkflow:
    """One pass; a Schedule with overlap SKIP starts the next. A pass that fails is made again by the Schedule."""

    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(
            Reconcile.start_forgotten,
            start_to_close_timeout=timedelta(seconds=55),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


async def ensure_schedule(client: Client, every: timedelta, queue: str = QUEUE) -> None:
    """One Schedule per namespace, whichever worker comes first; a changed interval is taken over."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            ReconcileWorkflow.run, id=SCHEDULE, task_queue=queue, execution_timeout=timedelta(minutes=5)
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    try:
        await client.create_schedule(SCHEDULE, schedule)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(SCHEDULE)
        if (await handle.describe()).schedule.spec.intervals != schedule.spec.intervals:

            async def take_over(now: ScheduleUpdateInput) -> ScheduleUpdate:
                now.description.schedule.spec = schedule.spec
                return ScheduleUpdate(now.description.schedule)

            await handle.update(take_over)
