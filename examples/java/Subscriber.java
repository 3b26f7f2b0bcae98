// A subscriber in Java: each event takes effect once, however often it comes and whenever this program is killed.
// mvn dependency:copy-dependencies -DoutputDirectory=lib, as README.md says; then java -cp 'lib/*' Subscriber.java
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.nio.ByteBuffer;
import java.sql.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

class Subscriber {
    static final String TOPICS = "ticket.assign";
    static final String GROUP = "my-service";
    static final String TYPES = "ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1"; // what it can deal with
    static final String REGIONS = ""; // of tickets of these regions, and
    static final String ASSIGNEES = ""; // with these people, or until the event; separated by commas, all without
    static final Map<String, String> ENV = System.getenv();
    static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

    static Schema schema(int id) throws Exception { // the schema that a record was written with
        if (SCHEMAS.containsKey(id)) return SCHEMAS.get(id);
        var ask = URI.create(ENV.get("SCHEMA_REGISTRY_URL") + "/schemas/ids/" + id).toURL().openConnection();
        var login = Base64.getEncoder().encodeToString(ENV.getOrDefault("SCHEMA_REGISTRY_BASIC_AUTH", "").getBytes());
        if (!login.isEmpty()) ask.setRequestProperty("Authorization", "Basic " + login);
        var text = new ObjectMapper().readTree(ask.getInputStream()).get("schema").asText();
        SCHEMAS.put(id, new Schema.Parser().parse(text));
        return SCHEMAS.get(id);
    }

    static boolean passes(Map<String, String> headers, String asked, String name) { // or says nothing of it
        var held = Arrays.asList(headers.get(name), headers.get(name + "-before"));
        return asked.isEmpty() || held.get(0) == null || !Collections.disjoint(held, Arrays.asList(asked.split(",")));
    }

    static String take(Connection db, ConsumerRecord<String, byte[]> record) throws Exception {
        var headers = new HashMap<String, String>();
        record.headers().forEach(header -> headers.put(header.key(), new String(header.value())));
        if (headers.containsKey("ticketbus-synthetic") || !passes(headers, TYPES, "ce_type") // virtual; later; filtered
            || !passes(headers, REGIONS, "ticket-region") || !passes(headers, ASSIGNEES, "ticket-assignee")) return "";
        var reader = new GenericDatumReader<GenericRecord>(schema(ByteBuffer.wrap(record.value()).getInt(1)));
        var bytes = DecoderFactory.get().binaryDecoder(record.value(), 5, record.value().length - 5, null);
        var event = reader.read(null, bytes);
        String id = event.get("ticket_id").toString(), name = id + " v" + event.get("version");
        if (run(db, "INSERT OR IGNORE INTO seen VALUES (?, ?)", id, event.get("version")) == 0)
            return "skip " + name + ": already done\n";
        // The effect: put yours here.
        run(db, "INSERT INTO tickets VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1", id);
        var trace = headers.get("traceparent").split("-")[1];
        return "done " + name + ": " + headers.get("ce_type") + " trace " + trace + "\n";
    }

    static int run(Connection db, String sql, Object... values) throws SQLException {
        try (var statement = db.prepareStatement(sql)) {
            for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
            return statement.executeUpdate();
        }
    }

    public static void main(String[] none) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
        var db = DriverManager.getConnection("jdbc:sqlite:subscriber.db");
        run(db, "CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version))");
        run(db, "CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER)");
        db.setAutoCommit(false);
        var mechanism = ENV.getOrDefault("TICKETBUS_KAFKA_SASL_MECHANISM", "PLAIN");
        var options = new HashMap<String, Object>(Map.of("group.id", GROUP,
            "bootstrap.servers", ENV.get("KAFKA_BOOTSTRAP"), "enable.auto.commit", false,
            "auto.offset.reset", "earliest", "session.timeout.ms", 10_000,
            "security.protocol", ENV.getOrDefault("TICKETBUS_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
            "sasl.mechanism", mechanism, "sasl.jaas.config",
            "org.apache.kafka.common.security.%sLoginModule required username='%s' password='%s';".formatted(
                mechanism.equals("PLAIN") ? "plain.Plain" : "scram.Scram",
                ENV.get("TICKETBUS_KAFKA_USERNAME"), ENV.get("TICKETBUS_KAFKA_PASSWORD"))));
        if (ENV.containsKey("TICKETBUS_KAFKA_CA_FILE")) options.putAll(Map.of(
            "ssl.truststore.type", "PEM", "ssl.truststore.location", ENV.get("TICKETBUS_KAFKA_CA_FILE")));
        var ended = new CompletableFuture<Void>();
        try (var consumer = new KafkaConsumer<>(options, new StringDeserializer(), new ByteArrayDeserializer())) {
            for (var topic : TOPICS.split(","))
                if (!consumer.listTopics().containsKey(topic))
                    throw new IllegalStateException("no such topic, or no right to it: " + topic);
            consumer.subscribe(List.of(TOPICS.split(",")));
            Runtime.getRuntime().addShutdownHook(new Thread(() -> { consumer.wakeup(); ended.join(); }));
            while (true) {
                var lines = new StringBuilder();
                for (var record : consumer.poll(Duration.ofMinutes(1))) lines.append(take(db, record));
                db.commit(); // one transaction: the effects, and the notes that they were seen
                try {
                    consumer.commitSync();
                } catch (CommitFailedException | RebalanceInProgressException lost) {
                    System.err.println("the group went on without this program: it comes again");
                }
                System.out.print(lines);
            }
        } catch (WakeupException stop) {
            db.close();
        } finally {
            ended.complete(null);
        }
    }
}
