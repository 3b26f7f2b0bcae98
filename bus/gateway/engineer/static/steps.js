// What a ticket will be once what waits is taken, and what can be done then; the table of steps is the bus's own. Pure.
import { DONE, DROPPED, REFUSED } from "./sync.js";

export function foreseen(ticket, records) {
  const seen = { ...ticket, steps: ticket.steps, asked: ticket.closure_requested };
  for (const record of records) {
    const known = record.state === DONE && record.version <= ticket.version; // the ticket was read after it was taken
    const wrongCode = record.state === REFUSED && record.command === "confirm-closure"; // the customer has to read it anew
    if (known || wrongCode || record.state === DROPPED) continue;
    const step = ticket.steps[seen.state].find((one) => one.command === record.command);
    if (step?.to) seen.state = step.to;
    apply(seen, record);
  }
  return seen;
}

function apply(seen, { command, fields }) {
  if (command === "accept") seen.accepted = true;
  if (command === "arrive") seen.substate = "on_site";
  if (command === "start") seen.substate = fields.substate;
  if (command === "pause") seen.waiting_for = fields.waiting_for;
  if (command === "resume") seen.waiting_for = null;
  if (command === "request-parts") seen.waiting_for ??= "parts";
  if (command === "add-evidence") seen.photos += 1;
  if (command === "resolve") Object.assign(seen, { substate: null, waiting_for: null });
  if (command === "request-closure") seen.closure_requested = true;
}

export function offered(seen) {
  const useless = {
    accept: seen.accepted,
    arrive: seen.state === "in_progress" && seen.substate === "on_site",
    pause: seen.waiting_for,
    resume: !seen.waiting_for,
    "request-closure": seen.closure_requested,
    "confirm-closure": !seen.asked, // before the bus has the request, no code was sent
  };
  return seen.steps[seen.state].filter((step) => !useless[step.command]);
}
