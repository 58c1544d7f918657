"""What runs on a Schedule: reconcile (rows and Temporal agree again) and sweep (no object without a conversion)."""

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
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.reconcile import Reconcile
    from activities.sweep import Sweep
    from shapr.settings import Settings
    from workflows.policy import QUEUE


@workflow.defn(name="Reconcile")
class ReconcileWorkflow:
    """One pass; a Schedule with overlap SKIP starts the next. What fails in a pass is done in the next one."""

    @workflow.run
    async def run(self) -> dict[str, int]:
        """How many conversions each part of the pass changed; Failed, at its end, if a part failed."""
        parts = (Reconcile.expire_sources, Reconcile.settle, Reconcile.purge_deleted, Reconcile.forget_keys)
        done: dict[str, int] = {}
        failed: ActivityError | None = None
        for part in parts:
            try:
                done[part.__name__] = await workflow.execute_activity_method(
                    part, start_to_close_timeout=timedelta(seconds=55), retry_policy=RetryPolicy(maximum_attempts=1)
                )
            except ActivityError as error:
                failed = error
        if failed:
            raise failed
        return done


@workflow.defn(name="Sweep")
class SweepWorkflow:
    """One walk over the whole bucket."""

    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(
            Sweep.sweep_orphans,
            start_to_close_timeout=timedelta(hours=6),
            heartbeat_timeout=timedelta(minutes=2),
            retry_policy=RetryPolicy(maximum_attempts=5),
        )


async def ensure_schedules(client: Client, settings: Settings, queue: str = QUEUE) -> None:
    """One Schedule of each per namespace, whichever worker comes first; a changed interval is taken over."""
    reconcile = ScheduleActionStartWorkflow(
        ReconcileWorkflow.run, id="reconcile", task_queue=queue, execution_timeout=timedelta(minutes=5)
    )
    sweep = ScheduleActionStartWorkflow(
        SweepWorkflow.run, id="sweep", task_queue=queue, execution_timeout=timedelta(days=1)
    )
    await ensure_schedule(client, reconcile, timedelta(seconds=settings.reconcile_every))
    await ensure_schedule(client, sweep, timedelta(seconds=settings.sweep_every))


async def ensure_schedule(client: Client, action: ScheduleActionStartWorkflow, every: timedelta) -> None:
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    try:
        await client.create_schedule(action.id, schedule)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(action.id)
        if (await handle.describe()).schedule.spec.intervals != schedule.spec.intervals:

            async def take_over(now: ScheduleUpdateInput) -> ScheduleUpdate:
                now.description.schedule.spec = schedule.spec
                return ScheduleUpdate(now.description.schedule)

            await handle.update(take_over)
