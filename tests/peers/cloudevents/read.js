// node read.js BROKER TOPIC COUNT: what the SDK's Kafka binding makes of each record, a line of JSON each.
const { Kafka, logLevel } = require("kafkajs");
const { Kafka: Binding } = require("cloudevents");

const [broker, topic, count] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "cloudevents", brokers: [broker], logLevel: logLevel.ERROR });

async function main() {
  const consumer = kafka.consumer({ groupId: `${topic}.js` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let left = Number(count);
  await new Promise((done) =>
    consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, `${value}`]));
        const event = Binding.toEvent({ ...message, key: `${message.key}`, headers });
        event.validate();
        const { id, source, type, subject, time, dataschema, datacontenttype, specversion, data } = event;
        const read = { id, source, type, subject, time, dataschema, datacontenttype, specversion };
        console.log(JSON.stringify({ ...read, data: data.toString("hex") }));
        if (--left === 0) done();
      },
    }),
  );
  await consumer.disconnect();
}

main();
