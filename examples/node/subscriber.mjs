// A subscriber in Node: each event takes effect once, however often it comes and whenever this program is killed.
// npm ci, which installs @platformatic/kafka, avsc and libsql (SQLite); then node subscriber.mjs
import { readFileSync } from 'node:fs'
import { Admin, Consumer } from '@platformatic/kafka'
import avro from 'avsc'
import Database from 'libsql'

const TOPICS = 'ticket.assign'
const GROUP = 'my-service'
const TYPES = 'ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1' // what this service knows how to deal with
const REGIONS = '' // of tickets of these regions, and
const ASSIGNEES = '' // that are with these people, or were until the event; separated by commas, all without
const env = process.env

const db = new Database('subscriber.db', { timeout: 5_000 }) // ms to wait while somebody else looks at it
db.exec(`CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version));
  CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER)`)
const note = db.prepare('INSERT OR IGNORE INTO seen VALUES (?, ?)')
const count = db.prepare('INSERT INTO tickets VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1')

const schemas = new Map()
async function schema (id) { // the schema that a record was written with
  if (!schemas.has(id)) {
    const login = env.SCHEMA_REGISTRY_BASIC_AUTH
    const headers = login ? { authorization: `Basic ${Buffer.from(login).toString('base64')}` } : {}
    const answer = await fetch(`${env.SCHEMA_REGISTRY_URL}/schemas/ids/${id}`, { headers })
    if (!answer.ok) throw new Error(`the registry answers ${answer.status} for schema ${id}`)
    schemas.set(id, avro.Type.forSchema(JSON.parse((await answer.json()).schema), { wrapUnions: false }))
  }
  return schemas.get(id)
}

// The effect and the note that it was seen are one transaction.
const effect = db.transaction((event, type, trace) => {
  const name = `${event.ticket_id} v${event.version}`
  if (note.run(event.ticket_id, event.version).changes === 0) return `skip ${name}: already done`
  count.run(event.ticket_id) // the effect: put yours here
  return `done ${name}: ${type} trace ${trace}`
})

// A filter takes one value or several of what a record says; a record that says nothing passes.
const passes = (asked, ...found) =>
  !asked || found[0] === undefined || found.some(one => asked.split(',').includes(one))

async function take (record) {
  const headers = Object.fromEntries([...record.headers].map(([name, value]) => [`${name}`, `${value}`]))
  if (headers['ticketbus-synthetic'] || !passes(TYPES, headers.ce_type)) return // virtual; kinds that came later
  if (!passes(REGIONS, headers['ticket-region'], headers['ticket-region-before'])) return
  if (!passes(ASSIGNEES, headers['ticket-assignee'], headers['ticket-assignee-before'])) return
  const event = (await schema(record.value.readInt32BE(1))).fromBuffer(record.value.subarray(5))
  console.log(effect(event, headers.ce_type, headers.traceparent.split('-')[1]))
}

const protocol = env.TICKETBUS_KAFKA_SECURITY_PROTOCOL ?? 'PLAINTEXT'
const ca = env.TICKETBUS_KAFKA_CA_FILE && readFileSync(env.TICKETBUS_KAFKA_CA_FILE)
const mechanism = env.TICKETBUS_KAFKA_SASL_MECHANISM ?? 'PLAIN'
const sasl = { mechanism, username: env.TICKETBUS_KAFKA_USERNAME, password: env.TICKETBUS_KAFKA_PASSWORD }
const reached = {
  clientId: GROUP, bootstrapBrokers: env.KAFKA_BOOTSTRAP.split(','),
  ...(protocol.endsWith('SSL') && { tls: { ca } }), ...(protocol.startsWith('SASL') && { sasl })
}
const admin = new Admin(reached)
const known = await admin.listTopics()
await admin.close()
const missing = TOPICS.split(',').filter(one => !known.includes(one))
if (missing.length) throw new Error(`no such topic, or no right to it: ${missing}`)
const consumer = new Consumer({ ...reached, groupId: GROUP, sessionTimeout: 10_000 })
const stream = await consumer.consume({
  topics: TOPICS.split(','), mode: 'committed', fallbackMode: 'earliest', autocommit: false
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stream.close())
for await (const record of stream) {
  await take(record)
  await record.commit() // after the effect
}
await consumer.close()
