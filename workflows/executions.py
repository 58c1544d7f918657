"""Conversions' workflow executions, from outside: for the API and for reconcile alike."""

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from shapr import keys
from shapr.conversion import Error, Outcome, Request, State
from workflows.conversion import ConversionWorkflow
from workflows.start import start

ENDED_BY = {
    WorkflowExecutionStatus.TERMINATED: Error(code="abandoned", detail="an operator ended it"),
    WorkflowExecutionStatus.TIMED_OUT: Error(code="abandoned", detail="it was ended by a timeout"),
}


class Executions:
    """Everything here is harmless when done again. A server that does not answer is an RPCError."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def start(self, request: Request, attempt: int) -> None:
        await start(self.client, request, attempt)

    async def cancel(self, workflow_id: str) -> None:
        """Ask it to end; one that has ended stays as it is."""
        try:
            await self._handle(workflow_id).cancel()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def resume(self, workflow_id: str) -> None:
        """Tell a stalled one that the incident is over; one that has ended stays as it is."""
        try:
            await self._handle(workflow_id).signal(ConversionWorkflow.resume)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def ending(self, workflow_id: str, request: Request) -> Outcome | None:
        """How its latest run ended; None while it runs. LookupError when Temporal knows no such workflow."""
        try:
            described = await self._handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise LookupError(workflow_id) from error
            raise
        status = described.status
        if status in (None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            return None
        if status is WorkflowExecutionStatus.COMPLETED:
            return await self._handle(workflow_id, described.run_id).result(follow_runs=False)
        if status is WorkflowExecutionStatus.CANCELED:
            return Outcome(request=request, state=State.CANCELLED)
        failure = Error(code="internal", detail="its workflow failed")
        return Outcome(request=request, state=State.FAILED, error=ENDED_BY.get(status, failure))

    async def delete(self, id: str, attempts: int) -> int:
        """Delete every run of every attempt of a conversion; gives how many."""
        found = self.client.list_workflows(f"WorkflowId STARTS_WITH '{keys.workflow(id, 1)}'")
        runs = {(each.id, each.run_id) async for each in found}
        # The list lags a little behind; the latest run of each attempt is known by its name alone.
        listed = {name for name, _ in runs}
        names = (keys.workflow(id, attempt) for attempt in range(1, attempts + 1))
        runs |= {(name, "") for name in names if name not in listed}
        return sum([await self._delete(name, run) for name, run in sorted(runs)])

    async def _delete(self, workflow_id: str, run_id: str) -> bool:
        execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
        asked = DeleteWorkflowExecutionRequest(namespace=self.client.namespace, workflow_execution=execution)
        try:
            await self.client.workflow_service.delete_workflow_execution(asked)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    def _handle(self, workflow_id: str, run_id: str | None = None) -> WorkflowHandle[ConversionWorkflow, Outcome]:
        return self.client.get_workflow_handle_for(ConversionWorkflow.run, workflow_id, run_id=run_id)
