"""A model of AP214 made one of AP203: who designed each part, when, and how secret and how approved it is.

The kernel does it too, but asks the machine for that: the name of the user and of the host, and the time, which nobody
should read in a file, and whose look-up crashes where the host has no address, as in the sandbox. So the kernel writes
AP214, and fills what AP203 wants besides with what it is told here. ISO 10303-203:1994.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from OCP.APIHeaderSection import APIHeaderSection_MakeHeader
from OCP.StepBasic import (
    StepBasic_AheadOrBehind,
    StepBasic_ApplicationContext,
    StepBasic_ApplicationProtocolDefinition,
    StepBasic_CalendarDate,
    StepBasic_CoordinatedUniversalTimeOffset,
    StepBasic_DateAndTime,
    StepBasic_DesignContext,
    StepBasic_LocalTime,
    StepBasic_MechanicalContext,
    StepBasic_Organization,
    StepBasic_Person,
    StepBasic_PersonAndOrganization,
    StepBasic_Product,
    StepBasic_ProductCategory,
    StepBasic_ProductCategoryRelationship,
    StepBasic_ProductDefinition,
    StepBasic_ProductDefinitionFormationWithSpecifiedSource,
    StepBasic_ProductRelatedProductCategory,
    StepBasic_Source,
)
from OCP.STEPConstruct import STEPConstruct_AP203Context
from OCP.StepData import StepData_StepModel
from OCP.StepRepr import StepRepr_NextAssemblyUsageOccurrence
from OCP.StepShape import StepShape_ContextDependentShapeRepresentation, StepShape_ShapeDefinitionRepresentation
from OCP.StepVisual import (
    StepVisual_MechanicalDesignGeometricPresentationRepresentation,
    StepVisual_PresentationLayerAssignment,
)
from OCP.TCollection import TCollection_HAsciiString

from shapr.converters.progress import Reach, along, silent, within

SCHEMAS = ("CONFIG_CONTROL_DESIGN", "SHAPE_APPEARANCE_LAYER_MIM")  # the second for colours and layers
NOBODY = "unspecified"

text = TCollection_HAsciiString
ROOTS = (
    StepBasic_ApplicationProtocolDefinition,
    StepShape_ShapeDefinitionRepresentation,
    StepShape_ContextDependentShapeRepresentation,
    StepBasic_ProductRelatedProductCategory,
    StepVisual_MechanicalDesignGeometricPresentationRepresentation,
    StepVisual_PresentationLayerAssignment,
)


def configure(model: StepData_StepModel, reach: Reach = silent) -> None:
    entities = [model.Value(at) for at in range(1, model.NbEntities() + 1)]
    _say_protocol(entities)
    made = _specialised(entities)
    _refill(model, [made.get(at, entity) for at, entity in enumerate(entities, 1)], within(reach, 0.0, 0.2))
    there: dict[int, Any] = {}  # some are of all parts
    for some in chain([_categories(entities)], _controlled(entities, within(reach, 0.2, 1.0))):
        for entity in some:
            if id(entity) not in there:
                there[id(entity)] = entity
                model.AddWithRefs(entity)  # a second for some hundred


def _refill(model: StepData_StepModel, entities: list[Any], reach: Reach) -> None:
    """The wheel's `ReplaceEntity` puts nothing in their place, and whatever adds one takes 1 ms: so those go in that
    refer to most others, with all that they refer to, and then what is still not there."""
    model.ClearEntities()
    roots = list(_of(entities, ROOTS))
    for entity in along(roots, len(roots), reach):
        model.AddWithRefs(entity)
    there = {id(model.Value(at)) for at in range(1, model.NbEntities() + 1)}  # `entities` keeps them all alive
    for entity in entities:
        if id(entity) not in there:
            model.AddWithRefs(entity)


def say(header: APIHeaderSection_MakeHeader) -> None:
    header.SetSchemaIdentifiersValue(1, text(SCHEMAS[0]))
    for more in SCHEMAS[1:]:
        header.AddSchemaIdentifier(text(more))


def _of(entities: list[Any], kind: Any) -> Iterator[Any]:
    return (each for each in entities if isinstance(each, kind))


def _say_protocol(entities: list[Any]) -> None:
    for context in _of(entities, StepBasic_ApplicationContext):
        context.SetApplication(text("configuration controlled 3D designs of mechanical parts and assemblies"))
    for protocol in _of(entities, StepBasic_ApplicationProtocolDefinition):
        protocol.SetApplicationInterpretedModelSchemaName(text("config_control_design"))
        protocol.SetApplicationProtocolYear(1994)


def _specialised(entities: list[Any]) -> dict[int, Any]:
    """What AP203 has a narrower kind for: by its number, what takes its place. All that refers to it does so then."""
    numbers = {id(each): at for at, each in enumerate(entities, 1)}
    made: dict[int, Any] = {}

    def instead(old: Any, kind: Any, *rest: Any) -> Any:
        at = numbers[id(old)]
        if at not in made:
            made[at] = kind()
            made[at].Init(*rest)
        return made[at]

    for product in _of(entities, StepBasic_Product):
        contexts = product.FrameOfReference()
        for at in range(contexts.Lower(), contexts.Upper() + 1):
            old = contexts.Value(at)
            mechanical = instead(
                old, StepBasic_MechanicalContext, old.Name(), old.FrameOfReference(), old.DisciplineType()
            )
            contexts.SetValue(at, mechanical)
    for definition in _of(entities, StepBasic_ProductDefinition):
        old = definition.FrameOfReference()
        design = instead(old, StepBasic_DesignContext, text(""), old.FrameOfReference(), old.LifeCycleStage())
        definition.SetFrameOfReference(design)
        old = definition.Formation()
        given = old.Id(), old.Description(), old.OfProduct(), StepBasic_Source.StepBasic_sNotKnown
        definition.SetFormation(instead(old, StepBasic_ProductDefinitionFormationWithSpecifiedSource, *given))
    return made


def _categories(entities: list[Any]) -> Iterator[Any]:
    """Each part is a detail, and details are parts."""
    for detail in _of(entities, StepBasic_ProductRelatedProductCategory):
        detail.SetName(text("detail"))
        part, relation = StepBasic_ProductCategory(), StepBasic_ProductCategoryRelationship()
        part.Init(text("part"), False, None)
        relation.Init(text(""), True, text(""), part, detail)
        yield relation


def _controlled(entities: list[Any], reach: Reach) -> Iterator[Iterator[Any]]:
    """The assignments of AP203, for each part and for each use of one in an assembly."""
    context = STEPConstruct_AP203Context()
    context.SetDefaultPersonAndOrganization(_nobody())
    context.SetDefaultDateAndTime(_never())
    parts = [each for each in _of(entities, StepShape_ShapeDefinitionRepresentation) if _is_of_part(each)]
    uses = list(_of(entities, StepRepr_NextAssemblyUsageOccurrence))
    for each in along([*parts, *uses], len(parts) + len(uses), reach):
        context.Init(each)
        yield _of_use(context) if isinstance(each, StepRepr_NextAssemblyUsageOccurrence) else _of_part(context)


def _is_of_part(shape: StepShape_ShapeDefinitionRepresentation) -> bool:
    """Or of an aspect of one."""
    return isinstance(shape.Definition().PropertyDefinition().Definition().Value(), StepBasic_ProductDefinition)


def _of_part(context: STEPConstruct_AP203Context) -> Iterator[Any]:
    yield context.GetCreator()
    yield context.GetDesignOwner()
    yield context.GetDesignSupplier()
    yield from _of_use(context)
    yield context.GetCreationDate()


def _of_use(context: STEPConstruct_AP203Context) -> Iterator[Any]:
    yield context.GetClassificationOfficer()
    yield context.GetSecurity()
    yield context.GetClassificationDate()
    yield context.GetApproval()
    yield context.GetApprover()
    yield context.GetApprovalDateTime()


def _nobody() -> StepBasic_PersonAndOrganization:
    person, organization, both = StepBasic_Person(), StepBasic_Organization(), StepBasic_PersonAndOrganization()
    person.Init(text(NOBODY), True, text(NOBODY), False, None, False, None, False, None, False, None)
    organization.Init(False, None, text(NOBODY), text(""))
    both.Init(person, organization)
    return both


def _never() -> StepBasic_DateAndTime:
    """The time that all our files were made at."""
    date, offset, time = StepBasic_CalendarDate(), StepBasic_CoordinatedUniversalTimeOffset(), StepBasic_LocalTime()
    date.Init(2000, 1, 1)
    offset.Init(0, False, 0, StepBasic_AheadOrBehind.StepBasic_aobExact)
    time.Init(0, True, 0, False, 0.0, offset)
    both = StepBasic_DateAndTime()
    both.Init(date, time)
    return both
