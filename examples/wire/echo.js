// The echo client without the library.
//
//     node examples/wire/echo.js client shm:echo hello world
//
// Without words it sends the lines it reads. Any client may talk to any server.
'use strict';

const { once } = require('node:events');
const readline = require('node:readline');
const { Channel } = require('./wire.js');

async function runClient(endpoint, words) {
  const channel = Channel.connect(endpoint);
  channel.on('end', (error) => {
    console.error(`echo: ${error ? error.message : 'the server closed'}`);
    process.exit(1);
  });
  await once(channel, 'open');
  const source = words.length ? words : readline.createInterface({ input: process.stdin });
  for await (const word of source) {
    channel.send(word);
    const [payload] = await once(channel, 'message');
    console.log(payload.toString());
  }
  channel.close();
}

const [role, endpoint, ...words] = process.argv.slice(2);
if (role === 'client' && endpoint) {
  runClient(endpoint, words);
} else {
  console.error('usage: echo.js client ENDPOINT [WORD ...]');
  process.exit(2);
}
