// A guest of the chat room without the library.
//
//     node examples/wire/chat.js client shm:chat ann
//
// Each line that is typed is said to all others; the end of the input leaves the room.
'use strict';

const readline = require('node:readline');
const { Channel } = require('./wire.js');

const JOIN = 1, SAY = 2;

function runClient(endpoint, name) {
  const channel = Channel.connect(endpoint);
  channel.on('message', (payload) => console.log(payload.toString()));
  channel.on('open', () => {
    channel.send(name, JOIN);
    const lines = readline.createInterface({ input: process.stdin });
    lines.on('line', (line) => channel.ended || channel.send(line, SAY));
    lines.on('close', () => channel.close());
  });
  channel.on('end', (error) => {
    if (!channel.open) {
      console.error(`chat: ${error.message}`);
      process.exit(1);
    }
    console.log(error ? '* the host is gone' : '* the host has closed the room');
    process.exit(0);
  });
}

const [role, endpoint, name] = process.argv.slice(2);
if (role === 'client' && name) {
  runClient(endpoint, name);
} else {
  console.error('usage: chat.js client ENDPOINT NAME');
  process.exit(2);
}
