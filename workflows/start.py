"""The one way to start a conversion, for the API and for reconcile alike."""

from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from shapr import keys
from shapr.conversion import Outcome, Request, SoFar
from workflows import visibility
from workflows.conversion import ConversionWorkflow
from workflows.policy import QUEUE


async def start(
    client: Client, request: Request, attempt: int = 1, *, queue: str = QUEUE
) -> WorkflowHandle[ConversionWorkflow, Outcome]:
    """Start an attempt. Starting it again, running or closed, is harmless and gives the same handle."""
    name = keys.workflow(request.id, attempt)
    try:
        return await client.start_workflow(
            ConversionWorkflow.run,
            SoFar(request=request),
            id=name,
            task_queue=queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=visibility.summary(request),
            static_details=visibility.detail(request),
            search_attributes=visibility.at_start(request),
            priority=Priority(priority_key=request.priority, fairness_key=visibility.shorten(request.tenant, 64)),
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle_for(ConversionWorkflow.run, name)
