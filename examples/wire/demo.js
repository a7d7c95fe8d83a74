// The client of `cargo xtask demo` without the library; examples/c/demo.c says what the tags mean.
//
//     node examples/wire/demo.js client shm:demo SENT RECEIVED
'use strict';

const { once } = require('node:events');
const fs = require('node:fs');
const { Channel } = require('./wire.js');

const ECHO = 1, NUMBER = 2, NUMBERS = 3, CHUNK = 4, FILE_END = 5, FETCH = 6;
const SMALL = 64, CHUNK_LEN = 65536, WARM_UP = 500, ROUNDS = 2000, COUNT = 100000, REPEATS = 8;
const NONE = Buffer.alloc(0);

function check(good, what) {
  if (good) return;
  console.error(`demo: ${what}`);
  process.exit(1);
}

// Sends, and waits when the socket has more than it likes.
async function send(channel, payload, tag) {
  if (!channel.send(payload, tag)) await once(channel.socket, 'drain');
}

// Round trips of small messages: the median and the 99th percentile, in microseconds.
async function measureLatency(channel) {
  const times = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const sent = Buffer.alloc(SMALL, round & 0xff);
    const start = performance.now();
    channel.send(sent, ECHO);
    const [back] = await once(channel, 'message');
    times.push((performance.now() - start) * 1000);
    check(back.equals(sent), 'another echo came back');
  }
  const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
  return [sorted[ROUNDS / 2], sorted[Math.floor((ROUNDS * 99) / 100)]];
}

// Small messages one way, a second.
async function measureMessages(channel) {
  const start = performance.now();
  const text = Buffer.alloc(SMALL);
  for (let number = 0; number < COUNT; number++) {
    text.writeBigUInt64LE(BigInt(number));
    await send(channel, text, NUMBER);
  }
  channel.send(NONE, NUMBERS);
  const [answer] = await once(channel, 'message');
  check(answer.readBigUInt64LE() === BigInt(COUNT), 'messages are missing or out of order');
  return COUNT / ((performance.now() - start) / 1000);
}

// The file one way, several times: MiB a second.
async function measureFile(channel, file) {
  const start = performance.now();
  for (let i = 0; i < REPEATS; i++) {
    for (let at = 0; at < file.length; at += CHUNK_LEN) {
      await send(channel, file.subarray(at, at + CHUNK_LEN), CHUNK);
    }
    channel.send(NONE, FILE_END);
    await once(channel, 'message');
  }
  return (file.length * REPEATS) / (1 << 20) / ((performance.now() - start) / 1000);
}

function fetchFile(channel) {
  return new Promise((resolve) => {
    const chunks = [];
    channel.on('message', (payload, tag) => {
      if (tag === FILE_END) resolve(Buffer.concat(chunks));
      else chunks.push(payload);
    });
    channel.send(NONE, FETCH);
  });
}

async function runClient(endpoint, sent, received) {
  const file = fs.readFileSync(sent);
  const channel = Channel.connect(endpoint);
  channel.on('end', (error) => check(false, error ? error.message : 'the server closed'));
  await once(channel, 'open');
  const [median, p99] = await measureLatency(channel);
  const messages = await measureMessages(channel);
  const mib = await measureFile(channel, file);
  fs.writeFileSync(received, await fetchFile(channel));
  channel.close();
  console.log(`transport=local median_us=${median.toFixed(2)} p99_us=${p99.toFixed(2)} ` +
    `messages_per_s=${messages.toFixed(0)} mib_per_s=${mib.toFixed(0)}`);
}

const [role, endpoint, sent, received] = process.argv.slice(2);
if (role === 'client' && received) {
  runClient(endpoint, sent, received);
} else {
  console.error('usage: demo.js client ENDPOINT SENT RECEIVED');
  process.exit(2);
}
