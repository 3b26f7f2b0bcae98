// A subscriber in Go: each event takes effect once, however often it comes and whenever this program is killed.
// go run . gets franz-go, twmb/avro and modernc.org/sqlite by go.mod, checks them by go.sum and starts.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/twmb/franz-go/pkg/sr"
	_ "modernc.org/sqlite"
)

const (
	topics = "ticket.assign"
	group  = "my-service"
	types  = "ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1" // what this service knows how to deal with
	// Of tickets of these regions, and with these people, now or until the event; separated by commas, all without.
	regions   = ""
	assignees = ""
)

var schemas = map[int]*avro.Schema{}

// What a commit is refused with when the group went on without this program: what it read comes again.
var behind = []error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress}

func passes(asked string, found ...string) bool {
	takes := func(one string) bool { return strings.Contains(","+asked+",", ","+one+",") }
	return asked == "" || slices.ContainsFunc(found, takes)
}

func schema(id int) *avro.Schema { // the schema that a record was written with
	if schemas[id] == nil {
		options := []sr.ClientOpt{sr.URLs(os.Getenv("SCHEMA_REGISTRY_URL"))}
		if user, password, given := strings.Cut(os.Getenv("SCHEMA_REGISTRY_BASIC_AUTH"), ":"); given {
			options = append(options, sr.BasicAuth(user, password))
		}
		found := must(must(sr.NewClient(options...)).SchemaByID(context.Background(), id))
		schemas[id] = must(avro.Parse(found.Schema))
	}
	return schemas[id]
}

func take(tx *sql.Tx, record *kgo.Record) string {
	headers := map[string]string{"ticket-region": regions, "ticket-assignee": assignees} // what says nothing passes
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	wanted := passes(types, headers["ce_type"]) && passes(regions, headers["ticket-region"], headers["ticket-region-before"]) &&
		passes(assignees, headers["ticket-assignee"], headers["ticket-assignee-before"])
	if headers["ticketbus-synthetic"] != "" || !wanted {
		return "" // virtual tickets; kinds of events that came with a later release; what the filters leave out
	}
	var event map[string]any
	must(schema(int(binary.BigEndian.Uint32(record.Value[1:]))).Decode(record.Value[5:], &event))
	id, version := event["ticket_id"], event["version"]
	if must(must(tx.Exec("INSERT OR IGNORE INTO seen VALUES (?, ?)", id, version)).RowsAffected()) == 0 {
		return fmt.Sprintf("skip %s v%d: already done\n", id, version)
	}
	// The effect: put yours here.
	must(tx.Exec("INSERT INTO tickets VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1", id))
	trace := strings.Split(headers["traceparent"], "-")[1]
	return fmt.Sprintf("done %s v%d: %s trace %s\n", id, version, headers["ce_type"], trace)
}

func options() []kgo.Opt { // by the variables that the bus's own programs take
	all := []kgo.Opt{kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_BOOTSTRAP"), ",")...)}
	protocol := os.Getenv("TICKETBUS_KAFKA_SECURITY_PROTOCOL")
	if strings.HasPrefix(protocol, "SASL") {
		user, password := os.Getenv("TICKETBUS_KAFKA_USERNAME"), os.Getenv("TICKETBUS_KAFKA_PASSWORD")
		all = append(all, kgo.SASL(map[string]sasl.Mechanism{
			"SCRAM-SHA-256": scram.Auth{User: user, Pass: password}.AsSha256Mechanism(),
			"SCRAM-SHA-512": scram.Auth{User: user, Pass: password}.AsSha512Mechanism(),
			"PLAIN":         plain.Auth{User: user, Pass: password}.AsMechanism(),
		}[os.Getenv("TICKETBUS_KAFKA_SASL_MECHANISM")]))
	}
	if strings.HasSuffix(protocol, "SSL") {
		authorities := must(x509.SystemCertPool())
		pem, _ := os.ReadFile(os.Getenv("TICKETBUS_KAFKA_CA_FILE")) // without one: the system's alone
		authorities.AppendCertsFromPEM(pem)
		all = append(all, kgo.DialTLSConfig(&tls.Config{RootCAs: authorities}))
	}
	return append(all, kgo.ConsumerGroup(group), kgo.SessionTimeout(10*time.Second), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.ConsumeTopics(strings.Split(topics, ",")...))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	db := must(sql.Open("sqlite", "file:subscriber.db?_pragma=busy_timeout(5000)")) // ms, while somebody looks at it
	must(db.Exec("CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version))"))
	must(db.Exec("CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER)"))
	consumer := must(kgo.NewClient(options()...))
	defer consumer.CloseAllowingRebalance()
	for name, topic := range must(kadm.NewClient(consumer).ListTopics(ctx, strings.Split(topics, ",")...)) {
		check(topic.Err, "topic "+name)
	}
	for batch := consumer.PollRecords(ctx, 100); ctx.Err() == nil; batch = consumer.PollRecords(ctx, 100) {
		check(batch.Err(), "polling")
		tx, lines := must(db.Begin()), "" // one transaction: the effects, and the notes that they were seen
		batch.EachRecord(func(record *kgo.Record) { lines += take(tx, record) })
		check(tx.Commit(), "the effects")
		err := consumer.CommitUncommittedOffsets(context.Background())
		if !slices.ContainsFunc(behind, func(one error) bool { return errors.Is(err, one) }) {
			check(err, "the offsets")
		}
		consumer.AllowRebalance()
		fmt.Print(lines)
	}
}

func check(err error, what string) { // what was read and had no effect comes again
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func must[T any](value T, err error) T {
	check(err, "it ends")
	return value
}
