"""The life of a conversion: upload, compress, store, notify."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NoReturn, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.workflow import ActivityConfig, ContinueAsNewVersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.compress import Compress
    from activities.notify import Notify
    from activities.store import Store
    from activities.upload import Upload
    from shapr.conversion import Error, Outcome, Results, SoFar, State, Step
    from shapr.errors import SUPERSEDED, Refused
    from workflows import visibility
    from workflows.cancellation import cancelled, undisturbed
    from workflows.policy import POLICIES

Given = TypeVar("Given")
Done = TypeVar("Done")


@workflow.defn(name="Conversion", failure_exception_types=[Refused])
class ConversionWorkflow:
    """One attempt at one conversion. It completes when the file was bad, and fails only when someone has to look."""

    @workflow.init
    def __init__(self, so_far: SoFar) -> None:
        self.so_far = so_far
        self.at = Step.UPLOAD
        self.decision: Literal["resume", "abandon"] | None = None

    @workflow.run
    async def run(self, so_far: SoFar) -> Outcome:
        try:
            source = await self.step(Upload.upload, so_far.request, POLICIES.upload)
            results = await self.step(Compress.compress, source, POLICIES.compress)
            outputs = await self.step(Store.store, results, POLICIES.store)
        except Refused as refused:
            return await self.failed(refused)
        except asyncio.CancelledError:
            await self.notify(self.outcome(State.CANCELLED))
            raise
        return await self.notify(self.verdict(outputs))

    @workflow.signal(description="The incident is over: go on from the stalled step, on the current version.")
    def resume(self) -> None:
        self.decision = "resume"

    @workflow.signal(description="Give a stalled conversion up: it ends as failed.")
    def abandon(self) -> None:
        self.decision = "abandon"

    async def step(self, do: Callable[[Any, Given], Awaitable[Done]], given: Given, policy: ActivityConfig) -> Done:
        """Do a step once, however often the conversion stalls after it."""
        self.at = Step(do.__name__)
        if (done := cast(Done | None, getattr(self.so_far, self.at))) is not None:
            return done
        workflow.set_current_details(visibility.details(self.at, self.so_far.request))
        config: ActivityConfig = {**policy, "summary": visibility.label(self.so_far.request)}
        try:
            done = await workflow.execute_activity_method(do, given, **config)
        except ActivityError as error:
            if cancelled():
                raise asyncio.CancelledError from error
            if isinstance(error.cause, ApplicationError) and error.cause.non_retryable:
                raise Refused(error.cause.type or "internal", error.cause.message) from error
            await self.stalled(self.at, error)
        if cancelled():  # it was done before the cancellation reached it
            raise asyncio.CancelledError
        self.so_far = self.so_far.model_copy(update={self.at: done})
        return done

    def verdict(self, results: Results) -> Outcome:
        """Completed only if every output succeeded; the first that did not says why."""
        errors = [output.error for output in results.outputs if output.error]
        return self.outcome(State.FAILED, Step.COMPRESS, errors[0]) if errors else self.outcome(State.COMPLETED)

    async def failed(self, refused: Refused) -> Outcome:
        """A bad file is not an incident."""
        if refused.code == SUPERSEDED:
            return self.outcome(State.SUPERSEDED)
        error = Error(code=refused.code, detail=refused.detail)
        return await self.notify(self.outcome(State.FAILED, self.at, error))

    async def stalled(self, step: Step, error: ActivityError) -> NoReturn:
        """Infrastructure stayed down: wait for an operator, and keep every step that is done."""
        self.decision = None
        outcome = self.outcome(State.STALLED, step, visibility.incident(step, error.cause))
        if step is Step.NOTIFY:  # nobody is left to tell but the operator
            self.show(outcome)
        else:
            await self.notify(outcome)
        workflow.set_current_details(visibility.details(outcome.state, outcome.request, str(error.cause)))
        if cancelled():
            raise asyncio.CancelledError
        try:
            await workflow.wait_condition(lambda: self.decision is not None, timeout=POLICIES.patience)
        except TimeoutError:
            if step is not Step.NOTIFY:
                abandoned = Error(code="abandoned", detail="it was stalled for too long")
                await self.notify(self.outcome(State.FAILED, step, abandoned))
            raise ApplicationError("stalled for too long", type="abandoned") from error
        if self.decision == "abandon":
            raise Refused("abandoned", "given up by an operator") from error
        self.show(self.outcome(State.RUNNING))  # a new run inherits the attributes, and the old one keeps them
        workflow.continue_as_new(self.so_far, initial_versioning_behavior=ContinueAsNewVersioningBehavior.AUTO_UPGRADE)

    async def notify(self, outcome: Outcome) -> Outcome:
        """Tell the world. The outcome is decided: a cancellation that arrives now comes too late."""
        self.show(outcome)
        config: ActivityConfig = {**POLICIES.notify, "summary": visibility.label(outcome.request)}
        try:
            return await undisturbed(workflow.execute_activity_method(Notify.notify, outcome, **config))
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == SUPERSEDED:
                return self.outcome(State.SUPERSEDED)
            if outcome.state is State.STALLED:
                return outcome
            await self.stalled(Step.NOTIFY, error)

    def show(self, outcome: Outcome) -> None:
        workflow.upsert_search_attributes(list(visibility.now(outcome)))
        workflow.set_current_details(visibility.details(outcome.state, outcome.request))

    def outcome(self, state: State, step: Step | None = None, error: Error | None = None) -> Outcome:
        return Outcome(request=self.so_far.request, state=state, step=step, error=error)
