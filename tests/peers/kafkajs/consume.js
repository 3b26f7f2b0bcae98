// Prints the values of a topic from its beginning, a line each, until so many came: node consume.js BROKER TOPIC COUNT
const { Kafka, logLevel } = require("kafkajs");

async function main([broker, topic, count]) {
  const consumer = new Kafka({ brokers: [broker], logLevel: logLevel.ERROR }).consumer({ groupId: `${topic}.kafkajs` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let left = Number(count);
  await consumer.run({
    eachMessage: async ({ message }) => {
      console.log(message.value.toString());
      if (--left === 0) setImmediate(async () => { await consumer.disconnect(); process.exit(0); });
    },
  });
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
