"""The contract of every inbound adapter: duties that its tests must show; `bus/intake/source_adapter.py` has its shape.

Duties of an adapter
1. It says who speaks: `verify` accepts a delivery only when its sender is proven, and every failure of proof, however
   the headers are broken, is `MalformedInput` with a stable code (`bad_signature`, `missing_header`, …).
2. It is pure: `verify` and `translate` do no I/O and read no clock; time, ids and secrets are arguments.
3. It translates whole deliveries: either all commands of a delivery come out, or `MalformedInput` that names the field.
   Whatever the bytes are, no other exception leaves it, and nothing of a body is logged.
4. It repeats itself: the same delivery id gives the same command ids, in the same order (`delivery_command_id`), and
   the same body the same fingerprints, so that a delivery repeated by the sender has one effect.
5. It invents nothing: what the source does not say stays empty, and the domain decides whether that will do.
6. It speaks the bus's words: states, kinds and causes are mapped by name; a foreign word that no map knows is refused
   with the nearest known one, never guessed.
7. It keeps times aware and in UTC; a time without a zone takes the zone that its configuration names.
8. It speaks for its own people alone: the bus's names (`bus/intake/reserved_names.py`) are refused.
9. It acknowledges late: the caller answers the sender only when the commands are committed or safely spooled.
10. If it can be asked for its tickets, it is a `ListingSource` (`bus/reconcile/source_list.py`): its whole list comes,
    or ListUnavailable is raised. Its tests are `SourceListContract`.
"""
