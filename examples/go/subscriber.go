// A subscriber in Go: each event takes effect once, however often it comes and whenever this program is killed.
// go run . gets franz-go, twmb/avro and modernc.org/sqlite by go.mod, checks them by go.sum and starts.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	_ "modernc.org/sqlite"
)

const (
	topics = "ticket.assign"
	group  = "my-service"
	types  = "ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1" // what this service knows how to deal with
	// Of tickets of these regions, and with these people, now or until the event; separated by commas, all without.
	regions   = ""
	assignees = ""
	tables    = `CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version));
		CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER, last_type TEXT)`
	count = `INSERT INTO tickets VALUES (?, 1, ?)
		ON CONFLICT (ticket_id) DO UPDATE SET events = events + 1, last_type = excluded.last_type`
)

var schemas = map[uint32]*avro.Schema{}

func schema(id uint32) *avro.Schema { // the schema that a record was written with
	if schemas[id] == nil {
		ask := must(http.NewRequest("GET", fmt.Sprintf("%s/schemas/ids/%d", os.Getenv("SCHEMA_REGISTRY_URL"), id), nil))
		if user, password, given := strings.Cut(os.Getenv("SCHEMA_REGISTRY_BASIC_AUTH"), ":"); given {
			ask.SetBasicAuth(user, password)
		}
		answer := must(http.DefaultClient.Do(ask))
		defer answer.Body.Close()
		var body struct{ Schema string }
		check(json.NewDecoder(answer.Body).Decode(&body))
		schemas[id] = must(avro.Parse(body.Schema))
	}
	return schemas[id]
}

func passes(asked string, found ...string) bool {
	takes := func(one string) bool { return strings.Contains(","+asked+",", ","+one+",") }
	return asked == "" || slices.ContainsFunc(found, takes)
}

func take(tx *sql.Tx, record *kgo.Record) string {
	headers := map[string]string{"ticket-region": regions, "ticket-assignee": assignees} // what says nothing passes
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	kind, trace := headers["ce_type"], strings.Split(headers["traceparent"], "-")
	if headers["ticketbus-synthetic"] != "" || !passes(types, kind) || !passes(regions, headers["ticket-region"]) ||
		!passes(assignees, headers["ticket-assignee"], headers["ticket-assignee-before"]) {
		return "" // virtual tickets; kinds of events that came with a later release; what the filters leave out
	}
	var event map[string]any
	must(schema(binary.BigEndian.Uint32(record.Value[1:5])).Decode(record.Value[5:], &event))
	id, version := event["ticket_id"], event["version"]
	if must(must(tx.Exec("INSERT OR IGNORE INTO seen VALUES (?, ?)", id, version)).RowsAffected()) == 0 {
		return fmt.Sprintf("skip %s v%d: already done\n", id, version)
	}
	must(tx.Exec(count, id, kind)) // the effect: put yours here
	return fmt.Sprintf("done %s v%d: %s trace %s\n", id, version, kind, trace[1])
}

func connection(ctx context.Context) *kgo.Client {
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_BOOTSTRAP"), ",")...)}
	user, password := os.Getenv("TICKETBUS_KAFKA_USERNAME"), os.Getenv("TICKETBUS_KAFKA_PASSWORD")
	protocol := os.Getenv("TICKETBUS_KAFKA_SECURITY_PROTOCOL")
	if strings.HasPrefix(protocol, "SASL") {
		options = append(options, kgo.SASL(map[string]sasl.Mechanism{
			"SCRAM-SHA-256": scram.Auth{User: user, Pass: password}.AsSha256Mechanism(),
			"SCRAM-SHA-512": scram.Auth{User: user, Pass: password}.AsSha512Mechanism(),
			"PLAIN":         plain.Auth{User: user, Pass: password}.AsMechanism(),
		}[os.Getenv("TICKETBUS_KAFKA_SASL_MECHANISM")]))
	}
	if strings.HasSuffix(protocol, "SSL") {
		authorities := must(x509.SystemCertPool())
		pem, _ := os.ReadFile(os.Getenv("TICKETBUS_KAFKA_CA_FILE")) // without one: the system's alone
		authorities.AppendCertsFromPEM(pem)
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: authorities}))
	}
	client := must(kgo.NewClient(append(options, kgo.ConsumeTopics(strings.Split(topics, ",")...),
		kgo.ConsumerGroup(group), kgo.SessionTimeout(10*time.Second), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll())...))
	ask := kmsg.NewPtrMetadataRequest()
	for _, topic := range strings.Split(topics, ",") {
		ask.Topics = append(ask.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
	}
	for _, topic := range must(ask.RequestWith(ctx, client)).Topics { // for one that is missing it would wait for ever
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			log.Fatalf("topic %s: %v", *topic.Topic, err)
		}
	}
	return client
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	db := must(sql.Open("sqlite", "file:subscriber.db?_pragma=busy_timeout(5000)")) // ms, while somebody looks at it
	must(db.Exec(tables))
	consumer := connection(ctx)
	defer consumer.CloseAllowingRebalance()
	for batch := consumer.PollRecords(ctx, 100); ctx.Err() == nil; batch = consumer.PollRecords(ctx, 100) {
		check(batch.Err())                // what was read and had no effect comes again
		tx, lines := must(db.Begin()), "" // one transaction: the effects, and the notes that they were seen
		batch.EachRecord(func(record *kgo.Record) { lines += take(tx, record) })
		check(tx.Commit())
		check(consumer.CommitUncommittedOffsets(context.Background()))
		consumer.AllowRebalance()
		fmt.Print(lines)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(err error) { must(0, err) }
