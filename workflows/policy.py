"""How patient each step is. The defaults stand here with their reasons; a worker may be started with others.

Timeouts and retries are no part of a history's determinism, so a worker may change them under running conversions.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from shapr.settings import Settings

QUEUE = "shapr-conversions"
COMPRESS_QUEUE = "shapr-compress"  # scaled by CPU, on machines of their own

STEADY = ActivityConfig(
    heartbeat_timeout=timedelta(seconds=30),  # a dead worker is noticed, a busy one is not suspected
    # Ten attempts with pauses of up to 30 s outlive a restart of any dependency; what is still down is an incident.
    retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30), maximum_attempts=10),
    # A step has let go of its files before its cancellation counts, so nothing is deleted under its feet.
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)


@dataclass
class Policies:
    """The activity options of the four steps, by the step's name; and how long a stall waits for an operator."""

    upload: ActivityConfig
    compress: ActivityConfig
    store: ActivityConfig
    notify: ActivityConfig
    patience: timedelta


POLICIES = Policies(
    upload={**STEADY, "start_to_close_timeout": timedelta(minutes=30)},  # a large source, a slow link
    compress={
        **STEADY,
        "task_queue": COMPRESS_QUEUE,
        # Two runs of the converter, and its files' way in and out: the converter's own limit speaks first.
        "start_to_close_timeout": timedelta(minutes=30),
    },
    store={**STEADY, "start_to_close_timeout": timedelta(minutes=5)},
    notify=ActivityConfig(
        # A server under load loses one in some hundreds on its way to the worker: seen, and noticed like a dead worker.
        heartbeat_timeout=timedelta(seconds=30),
        start_to_close_timeout=timedelta(minutes=5),
        # 300 attempts of at most 5 minutes are 24 hours of trying; waiting in the queue does not count.
        retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5), maximum_attempts=300),
    ),
    patience=timedelta(days=7),
)


def tune(settings: Settings) -> None:
    """Take the numbers of this worker's settings; the workflows' sandbox sees the same object."""
    limits = {
        "upload": settings.upload_timeout,
        "compress": settings.compress_timeout,
        "store": settings.store_timeout,
        "notify": settings.notify_timeout,
    }
    POLICIES.patience = timedelta(seconds=settings.stall_patience)
    for name, seconds in limits.items():
        policy: ActivityConfig = getattr(POLICIES, name)
        policy["start_to_close_timeout"] = timedelta(seconds=seconds)
        policy["heartbeat_timeout"] = timedelta(seconds=settings.heartbeat_timeout)
        if name == "notify":
            policy["retry_policy"] = _retry(timedelta(minutes=5), settings.notify_attempts)
        else:
            policy["retry_policy"] = _retry(timedelta(seconds=30), settings.step_attempts)


def _retry(pause: timedelta, attempts: int) -> RetryPolicy:
    return RetryPolicy(maximum_interval=pause, maximum_attempts=attempts)
