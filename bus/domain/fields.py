"""Fields that commands and events share, each with its type and what it means; schemas and reference pages show it."""

from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain import terms, values, work_template
from bus.domain.personal import Personal

# The report.
IncidentKey = Annotated[
    values.IncidentKey, Doc("what the fault is about; within the dedupe window one key is one open ticket")
]
SourceNo = Annotated[str, Doc("the source's own number of the report, as a CRM's case number; empty: it has none")]
Title = Annotated[str, Doc("what is wrong, in one line of the source's; at most 500 characters")]
Description = Annotated[str, Doc("the report in full, as the source has it; at most 100,000 characters"), Personal()]
Type = Annotated[str, Doc("the ticket type, a name of the SLA file, which sets both promises")]
Region = Annotated[str, Doc("the region as the source names it; dispatchers may be bound to some; empty: not known")]
Skills = Annotated[tuple[str, ...], Doc("the skills that the work needs, as the source names them")]
Priority = Annotated[str, Doc("the source's own word for the urgency; SLA clocks go by `type`, not by this")]
Customer = Annotated[values.Customer, Doc("who reported, as the source has them")]
Product = Annotated[str, Doc("the product or model that the report is about, as the maker names it; empty: not known")]
Batch = Annotated[str, Doc("the batch that the device was made in, as the maker numbers it; empty: not known")]
CustomerRef = Annotated[
    str, Doc("the source's own number of the customer, for whoever has no phone; empty: it has none"), Personal()
]

# Who does the work, and where.
Reason = Annotated[str, Doc("why, in the words of who asked; empty: nobody said")]
Automatic = Annotated[
    bool, Doc("a program answered and no person: it is no first response, and nobody has claimed the ticket by it")
]
Remark = Annotated[str, Doc("a remark of who asked; empty: none"), Personal()]
PersonName = Annotated[str, Doc("who, by the name that the directory of people has")]
ExpectedAt = Annotated[datetime | None, Doc("when the engineer expects to be on site, UTC; null: nobody said")]
Place = Annotated[str, Doc("where the engineer is, in the engineer's words; empty: nobody said")]
WaitingFor = Annotated[terms.WaitingFor, Doc("whom the ticket waits for meanwhile")]

# Spare parts.
PartsRequestNo = Annotated[str, Doc("the `request_no` of the request that is answered; empty: the store names none")]
DocumentNo = Annotated[str, Doc("the number of the store's document, such as the ERP's stock transfer")]
PartsWanted = Annotated[tuple[values.Part, ...], Doc("the parts that are asked for")]
PartsGiven = Annotated[tuple[values.Part, ...], Doc("the parts that the store issued, not always those asked for")]

# Evidence and talk.
Uri = Annotated[str, Doc("where the proof lies, at most 2,000 characters; the bus never fetches it")]
EvidenceKind = Annotated[terms.EvidenceKind, Doc("what the proof is")]
Sha256 = Annotated[str, Doc("SHA-256 of the proof's bytes in hex, as whoever added it reckoned; empty: not known")]
Caption = Annotated[str, Doc("what the proof shows; empty: nobody said")]
Text = Annotated[str, Doc("the remark, at most 100,000 characters; empty where `changed` says it all"), Personal()]
Changed = Annotated[tuple[str, ...], Doc("columns of a row of an imported history that changed and have no field here")]
AskedBy = Annotated[str, Doc("who of the customer's side asked, by name; empty: not known"), Personal()]
Question = Annotated[
    str, Doc("what the customer asked, in their words, at most 100,000 characters; empty: not known"), Personal()
]

# Work orders.
StepKey = Annotated[str, Doc("the step, by the key that its template gives it")]
MeasuredValues = Annotated[
    tuple[work_template.MeasuredValue, ...], Doc("what was measured, each value that the step asks once")
]
StepPhotos = Annotated[tuple[str, ...], Doc("URIs of photos of this step, which are evidence of the ticket as well")]
ApprovalLevel = Annotated[str, Doc("the level awaited: `safety` 安全签核, or a role of the directory of people")]

# The end.
Summary = Annotated[str, Doc("what was found and done, in the handler's words, at most 100,000 characters")]
RootCause = Annotated[str, Doc("why it failed: a code of schemas/root_causes.yaml (R14)")]
Knowledge = Annotated[
    tuple[str, ...], Doc("articles of the knowledge pool that the solution used, as KB-12; empty: none (R30)")
]
ConfirmedBy = Annotated[str, Doc("the customer's contact who signed, by name"), Personal()]
ConfirmedVia = Annotated[
    terms.ConfirmedVia | None, Doc("how the contact answered; null: an imported past, or an event of before 0.3.0")
]
ClosureCode = Annotated[
    str, Doc("the six digits that the contact had by SMS; empty: it is proven in another way that they answer")
]
ReminderTimes = Annotated[tuple[datetime, ...], Doc("when the bus reminds the contact, UTC; none of an imported past")]
Ticks = Annotated[tuple[terms.Tick, ...], Doc("what the contact ticked; all three are needed to close")]
RejectedBy = Annotated[str, Doc("the customer's contact who declined, by name"), Personal()]
RejectionCode = Annotated[
    str, Doc("why, as a code of schemas/rejection_reasons.yaml; empty: nobody said, or an event of before 0.3.0")
]
SceneTags = Annotated[tuple[str, ...], Doc("codes of the list of scene tags, in the order given (R23)")]
Board = Annotated[str, Doc("the role whose board the ticket is put on; the bus itself names team_lead")]

# Promises.
ClockName = Annotated[terms.ClockName, Doc("which of the two promises it is")]
DueAt = Annotated[datetime, Doc("when the promise falls or fell due, UTC; later than granted where there were pauses")]
WorkingCalendar = Annotated[
    values.WorkingCalendar | None, Doc("the working hours that both promises count in; null: around the clock")
]
StepDeadlines = Annotated[
    tuple[values.StepDeadline, ...],
    Doc("the steps that have a deadline of their own; empty: none has, as before 0.3.0"),
]
PauseAllowances = Annotated[
    tuple[values.PauseAllowance, ...], Doc("the pauses that stop the resolution clock for so long alone; empty: none")
]
LimitS = Annotated[int, Doc("the time promised, in seconds, as granted when the ticket was opened")]
