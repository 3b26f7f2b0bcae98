// Which time it was when something was recorded, by the bus's clock: a phone's may be an hour wrong. Pure.
const JITTER_MS = 2_000; // Date has whole seconds, and an answer is under way for a while

// How far the bus is ahead of the phone, of an answer whose request left at `sent` and which came at `got`.
export function offsetOf(dateHeader, sent, got) {
  const date = Date.parse(dateHeader ?? "");
  if (Number.isNaN(date)) return 0;
  const offset = date + 500 - (sent + got) / 2;
  return Math.abs(offset) <= JITTER_MS ? 0 : Math.round(offset);
}

// When a record was made: after the bus was last heard before it, not before the record ahead of it, never in the
// future. The offset known then counts; where the time falls out of these bounds, somebody set the phone's clock in
// between, and the offset of now counts.
export function timeOf(record, offsetNow, busNow, before = 0) {
  const first = Math.max(record.heardAt ?? 0, before);
  const fits = (at) => at >= first && at <= busNow;
  const known = record.deviceAt + (record.offset ?? offsetNow);
  const fresh = record.deviceAt + offsetNow;
  if (fits(known)) return known;
  if (fits(fresh)) return fresh;
  return Math.max(Math.min(Math.max(fresh, first), busNow), before); // the bus's now is known to half a second alone
}
