// java -cp 'lib/*' Read.java BROKER TOPIC COUNT: what the SDK's deserializer makes of each record, a line of JSON each.
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cloudevents.CloudEvent;
import io.cloudevents.kafka.CloudEventDeserializer;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

class Read {
    public static void main(String[] asked) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
        var options = new HashMap<String, Object>(Map.of("bootstrap.servers", asked[0], "group.id", asked[1] + ".java",
            "auto.offset.reset", "earliest"));
        try (var consumer = new KafkaConsumer<String, CloudEvent>(options, new StringDeserializer(), new CloudEventDeserializer())) {
            consumer.subscribe(List.of(asked[1]));
            for (int left = Integer.parseInt(asked[2]); left > 0; ) {
                for (var record : consumer.poll(Duration.ofMillis(500))) {
                    var event = record.value();
                    var read = new TreeMap<String, String>(Map.of("id", event.getId(), "source", "" + event.getSource(),
                        "type", event.getType(), "subject", event.getSubject(), "time", "" + event.getTime().toInstant(),
                        "dataschema", "" + event.getDataSchema(), "datacontenttype", event.getDataContentType(),
                        "specversion", "" + event.getSpecVersion(), "data", HexFormat.of().formatHex(event.getData().toBytes())));
                    System.out.println(new ObjectMapper().writeValueAsString(read));
                    left--;
                }
            }
        }
    }
}
