// Produces one batch for each codec named: node produce.js BROKER TOPIC CODEC...
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require("kafkajs");
const lz4 = require("lz4-napi");

CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
});

async function main([broker, topic, ...codecs]) {
  const producer = new Kafka({ brokers: [broker], logLevel: logLevel.ERROR }).producer();
  await producer.connect();
  for (const codec of codecs) {
    const messages = Array.from({ length: 20 }, (_, n) => ({
      value: `${codec}${n} ${"x".repeat(200)}`, partition: 0, headers: { traceparent: "" },
    }));
    await producer.send({ topic, messages, compression: CompressionTypes[codec] });
  }
  await producer.disconnect();
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
