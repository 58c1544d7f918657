"""Composition root of a worker: settings -> adapters -> activities -> one Worker per queue.

    python worker_main.py [both|conversions|compress]

Prints `ready` when it serves. SIGTERM and SIGINT end it gracefully: running steps get `SHAPR_GRACE` seconds. While the
switch `drain` is on it gives nothing further to a converter, and running steps get all the time they need.
"""

import asyncio
import os
import signal
import sys
import traceback
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from activities.compress import Compress
from activities.notify import Notify
from activities.reconcile import Reconcile
from activities.store import Store
from activities.sweep import Sweep
from activities.upload import Upload
from shapr import telemetry
from shapr.adapters import temporal
from shapr.adapters.duty import ENDLESS, Steps, on_duty
from shapr.adapters.idempotency import Keys
from shapr.adapters.objects import Objects
from shapr.adapters.postgres import Postgres
from shapr.adapters.progress import Progress
from shapr.adapters.records import Records
from shapr.adapters.scratch import Scratch
from shapr.adapters.switches import DRAIN, Switches
from shapr.adapters.transitions import Transitions
from shapr.adapters.workers import BEAT, Workers
from shapr.converters.run.converters import Converters
from shapr.converters.run.probe import Protections, probe
from shapr.converters.run.sandbox import ESSENTIAL, Unconfined
from shapr.settings import Settings
from workflows import policy
from workflows.conversion import ConversionWorkflow
from workflows.executions import Executions
from workflows.policy import COMPRESS_QUEUE, QUEUE
from workflows.reconcile import ReconcileWorkflow, SweepWorkflow, ensure_schedules

log = structlog.get_logger()


class Parts:
    """The adapters that the steps are given."""

    def __init__(self, settings: Settings) -> None:
        self.postgres = Postgres(settings)
        self.records = Records(self.postgres)
        self.transitions = Transitions(self.postgres)
        self.keys = Keys(self.postgres)
        self.objects = Objects(settings)
        self.progress = Progress(settings)
        self.switches = Switches(self.postgres)
        self.scratch = Scratch(settings.scratch_dir)
        self.converters = Converters(settings)
        self.workers = Workers(settings)

    async def close(self) -> None:
        self.converters.close()
        self.scratch.close()
        await self.workers.close()
        await self.progress.close()
        await self.objects.close()
        await self.postgres.close()


def common(settings: Settings, deployment: str) -> dict[str, Any]:
    """What both workers share. A build id pins a conversion to its version, until it stalls and is resumed."""
    versioned = settings.build_id and WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
    return {
        "deployment_config": versioned or None,
        "workflow_task_poller_behavior": PollerBehaviorAutoscaling(),
        "activity_task_poller_behavior": PollerBehaviorAutoscaling(),
        # A cancellation travels on a heartbeat's answer, so two seconds is how late it can be.
        "max_heartbeat_throttle_interval": timedelta(seconds=2),
        "graceful_shutdown_timeout": timedelta(seconds=settings.grace),
    }


def conversions(client: Client, parts: Parts, settings: Settings, **more: Any) -> Worker:
    """The worker of workflows and of the three light steps. `more` overrides Worker arguments, for tests."""

    reconcile = Reconcile(
        parts.transitions,
        parts.keys,
        parts.objects,
        parts.progress,
        Executions(client),
        age=settings.reconcile_age,
        source_patience=settings.source_patience,
    )
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[ConversionWorkflow, ReconcileWorkflow, SweepWorkflow],
        activities=[
            Upload(parts.records, parts.progress, parts.objects).upload,
            Store(parts.records, parts.progress, parts.objects).store,
            Notify(parts.records, parts.progress, parts.objects).notify,
            reconcile.expire_sources,
            reconcile.settle,
            reconcile.purge_deleted,
            reconcile.forget_keys,
            Sweep(parts.transitions, parts.objects, settings.sweep_age).sweep_orphans,
        ],
        # The code is tested in Temporal's sandbox; running without it halves the CPU a conversion costs.
        **({"workflow_runner": UnsandboxedWorkflowRunner()} | common(settings, "shapr-conversions") | more),
    )


def compress(client: Client, parts: Parts, settings: Settings, **more: Any) -> Worker:
    """The worker that runs converters: as many at once as there are cores, unless told otherwise."""
    step = Compress(parts.records, parts.progress, parts.objects, parts.scratch.folder, parts.converters)
    slots = {"max_concurrent_activities": settings.compress_slots or len(os.sched_getaffinity(0))}
    return Worker(
        client,
        task_queue=COMPRESS_QUEUE,
        activities=[step.compress],
        **(common(settings, "shapr-compress") | slots | more),
    )


async def connected(settings: Settings) -> Client:
    """A client; waits for a Temporal server that is not up yet."""
    while True:
        try:
            return await temporal.connect(settings)
        except (RPCError, RuntimeError, OSError) as error:
            log.warning("temporal_unreachable", address=settings.temporal_address, error=str(error))
            await asyncio.sleep(2)


async def main(settings: Settings) -> None:
    """Serve until a signal says stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    policy.tune(settings)
    found = await asyncio.to_thread(fenced, settings) if settings.queues != "conversions" else None
    client, parts = await connected(settings), Parts(settings)
    telling = asyncio.create_task(tell(parts.workers, found)) if found else None
    try:
        if settings.queues != "compress":
            await ensure_schedules(client, settings)
        await serving(client, parts, settings, stop)
    finally:
        if telling:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        await parts.close()


def fenced(settings: Settings) -> Protections:
    """What keeps converters in on this machine, as tried just now. Unconfined when that is less than was asked for."""
    found = probe()
    log.info("sandbox", asked=settings.sandbox, active=found.active, landlock_abi=found.abi)
    for protection, why in found.missing.items():
        log.warning("sandbox_incomplete", missing=protection, why=why, read="docs/sandbox.md")
    if settings.sandbox == "strict" and not found.essential:
        lacking = ", ".join(f"{name} ({found.missing[name]})" for name in ESSENTIAL if name in found.missing)
        raise Unconfined(0, f"SHAPR_SANDBOX=strict, and converters cannot be fenced in here without {lacking}")
    return found


async def tell(workers: Workers, found: Protections) -> None:
    """Say again and again that this worker converts, and what keeps its converters in, until cancelled."""
    try:
        while True:
            await workers.tell(found.active, found.missing)
            await asyncio.sleep(BEAT)
    finally:
        await workers.leave(found.active, found.missing)


async def serving(client: Client, parts: Parts, settings: Settings, stop: asyncio.Event) -> None:
    """Poll both queues, as the switch `drain` wants it, until `stop`. Then running steps have `SHAPR_GRACE` seconds.

    Compress stops first: theirs are the long steps, and what it has converted can then still be stored.
    """
    steps, last = Steps(), asyncio.Event()
    ours: dict[str, Any] = {"graceful_shutdown_timeout": ENDLESS, "interceptors": [steps]}

    async def undrained() -> bool:
        return DRAIN not in (await parts.switches.look()).on

    async def needed() -> bool:
        """What a converter has been given is carried to its end, whatever the switch says."""
        return await undrained() or await parts.switches.in_hand() > 0

    def time_is_up() -> None:
        last.set()
        steps.end()

    async with asyncio.TaskGroup() as group:
        if settings.queues != "compress":
            group.create_task(on_duty(QUEUE, lambda: conversions(client, parts, settings, **ours), needed, last))
        if settings.queues != "conversions":
            parts.converters.announce()
            group.create_task(parts.converters.warm())
            heavy = on_duty(COMPRESS_QUEUE, lambda: compress(client, parts, settings, **ours), undrained, stop)
            group.create_task(heavy).add_done_callback(lambda _: last.set())
        print("ready", flush=True)  # noqa: T201 - the supervisor waits for this line
        try:
            await stop.wait()
            log.info("worker_stopping", grace=settings.grace)
        finally:  # also when one of them has failed
            asyncio.get_running_loop().call_later(settings.grace, time_is_up)
        if settings.queues == "conversions":
            last.set()


def serve() -> int:
    chosen = {"queues": sys.argv[1]} if len(sys.argv) > 1 else {}
    settings = Settings.model_validate({**Settings().model_dump(), **chosen})
    telemetry.configure(settings)
    try:
        asyncio.run(main(settings))
    except Exception:  # noqa: BLE001 - reported here, because the process leaves below
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    code = serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # temporalio can abort in interpreter exit, after all its work is done
