// A subscriber in Java: each event takes effect once, however often it comes and whenever this program is killed.
// mvn dependency:copy-dependencies -DoutputDirectory=lib, as README.md says; then java -cp 'lib/*' Subscriber.java
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.sql.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.*;

class Subscriber {
    static final String TOPICS = "ticket.assign";
    static final String GROUP = "my-service";
    static final String TYPES = "ticket.assigned.v1,ticket.returned.v1,assignment.accepted.v1"; // what it can deal with
    static final String REGIONS = ""; // of tickets of these regions, and
    static final String ASSIGNEES = ""; // with these people, or until the event; separated by commas, all without
    static final Map<String, String> ENV = System.getenv();
    static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

    static final String COUNT = "INSERT INTO tickets VALUES (?, 1, ?)"
        + " ON CONFLICT (ticket_id) DO UPDATE SET events = events + 1, last_type = excluded.last_type";

    static Schema schema(int id) throws Exception { // the schema that a record was written with
        if (SCHEMAS.containsKey(id)) return SCHEMAS.get(id);
        var ask = HttpRequest.newBuilder(URI.create(ENV.get("SCHEMA_REGISTRY_URL") + "/schemas/ids/" + id));
        var login = ENV.get("SCHEMA_REGISTRY_BASIC_AUTH");
        if (login != null) ask.header("Authorization", "Basic " + Base64.getEncoder().encodeToString(login.getBytes()));
        var answer = HttpClient.newHttpClient().send(ask.build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new IllegalStateException("the registry answers " + answer.statusCode());
        SCHEMAS.put(id, new Schema.Parser().parse(new ObjectMapper().readTree(answer.body()).get("schema").asText()));
        return SCHEMAS.get(id);
    }

    static boolean passes(String asked, String... said) { // a record that says nothing of it passes
        return asked.isEmpty() || said[0] == null || Arrays.stream(said).anyMatch(List.of(asked.split(","))::contains);
    }

    static String take(Connection db, ConsumerRecord<String, byte[]> record) throws Exception {
        var headers = new HashMap<String, String>();
        record.headers().forEach(header -> headers.put(header.key(), new String(header.value())));
        var type = headers.get("ce_type");
        if (headers.containsKey("ticketbus-synthetic") || !passes(TYPES, type)) return ""; // virtual; of later
        if (!passes(REGIONS, headers.get("ticket-region")) || !passes(ASSIGNEES, headers.get("ticket-assignee"),
            headers.getOrDefault("ticket-assignee-before", ""))) return "";
        var schema = schema(ByteBuffer.wrap(record.value()).getInt(1));
        var bytes = DecoderFactory.get().binaryDecoder(record.value(), 5, record.value().length - 5, null);
        var event = new GenericDatumReader<GenericRecord>(schema).read(null, bytes);
        String id = event.get("ticket_id").toString(), name = id + " v" + event.get("version");
        int noted = run(db, "INSERT OR IGNORE INTO seen VALUES (?, ?)", id, event.get("version"));
        if (noted == 0) return "skip " + name + ": already done\n";
        run(db, COUNT, id, type); // the effect: put yours here
        return "done " + name + ": " + type + " trace " + headers.get("traceparent").split("-")[1] + "\n";
    }

    static int run(Connection db, String sql, Object... values) throws SQLException {
        try (var statement = db.prepareStatement(sql)) {
            for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
            return statement.executeUpdate();
        }
    }

    static KafkaConsumer<String, byte[]> connection() {
        var all = new Properties();
        var mechanism = ENV.getOrDefault("TICKETBUS_KAFKA_SASL_MECHANISM", "PLAIN");
        all.putAll(Map.of("bootstrap.servers", ENV.get("KAFKA_BOOTSTRAP"), "sasl.mechanism", mechanism,
            "security.protocol", ENV.getOrDefault("TICKETBUS_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")));
        if (ENV.containsKey("TICKETBUS_KAFKA_USERNAME")) all.put("sasl.jaas.config",
            "org.apache.kafka.common.security.%sLoginModule required username=\"%s\" password=\"%s\";".formatted(
                mechanism.equals("PLAIN") ? "plain.Plain" : "scram.Scram",
                ENV.get("TICKETBUS_KAFKA_USERNAME"), ENV.get("TICKETBUS_KAFKA_PASSWORD")));
        if (ENV.containsKey("TICKETBUS_KAFKA_CA_FILE")) all.putAll(Map.of(
            "ssl.truststore.type", "PEM", "ssl.truststore.location", ENV.get("TICKETBUS_KAFKA_CA_FILE")));
        all.putAll(Map.of("group.id", GROUP, "enable.auto.commit", "false", "auto.offset.reset", "earliest",
            "session.timeout.ms", "10000", "max.poll.records", "100"));
        var consumer = new KafkaConsumer<>(all, new StringDeserializer(), new ByteArrayDeserializer());
        var missing = new HashSet<>(List.of(TOPICS.split(",")));
        missing.removeAll(consumer.listTopics().keySet());
        if (!missing.isEmpty()) throw new IllegalStateException("no such topic, or no right to it: " + missing);
        consumer.subscribe(List.of(TOPICS.split(",")));
        return consumer;
    }

    public static void main(String[] none) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
        var db = DriverManager.getConnection("jdbc:sqlite:subscriber.db");
        run(db, "CREATE TABLE IF NOT EXISTS seen (ticket_id TEXT, version INTEGER, PRIMARY KEY (ticket_id, version))");
        run(db, "CREATE TABLE IF NOT EXISTS tickets (ticket_id TEXT PRIMARY KEY, events INTEGER, last_type TEXT)");
        db.setAutoCommit(false);
        var ended = new CompletableFuture<Void>();
        try (var consumer = connection()) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> { consumer.wakeup(); ended.join(); }));
            while (true) {
                var batch = consumer.poll(Duration.ofMillis(500));
                var lines = new StringBuilder();
                for (var record : batch) lines.append(take(db, record));
                db.commit(); // one transaction: the effects, and the notes that they were seen
                if (!batch.isEmpty()) consumer.commitSync();
                System.out.print(lines);
            }
        } catch (WakeupException stop) {
            db.close();
        } finally {
            ended.complete(null);
        }
    }
}
