// The wire format of treenail over a plain Unix socket: all that a program without the library
// needs to join a `shm:` or `local:` channel. Standard modules only; docs/wire-format.md is the law.
//
// We leave the shared-memory feature bit unset in our HELLO, so a `shm:` peer sends its frames
// through the socket instead of a ring.
'use strict';

const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');

const HELLO = 1, DATA = 2, PING = 3, PONG = 4, CLOSE = 5;
const MORE = 4;
const HEADER_LEN = 16;
const HELLO_LEN = 32;
const MESSAGE_MAX = 64 << 20;
const EARLY_MAX = 64 << 10; // the largest message as long as the other side's HELLO has not come

// Whether it is a directory that nobody else can change.
function isOurs(place) {
  const info = fs.lstatSync(place, { throwIfNoEntry: false });
  return info && info.isDirectory() && info.uid === process.getuid() && !(info.mode & 0o022);
}

// Where the socket of an endpoint such as shm:chat is: in one of the user's places, in this order.
// A name with a slash is a path itself.
function socketPath(endpoint) {
  const [, scheme, address] = /^([a-z]+):([^?]*)/.exec(endpoint) ?? [];
  if (scheme !== 'shm' && scheme !== 'local') {
    throw new Error(`${endpoint}: the scheme is shm or local`);
  }
  const name = decodeURIComponent(address);
  if (name.includes('/')) return name;
  const uid = process.getuid();
  const chosen = process.env.TREENAIL_DIR;
  const places = chosen ? [chosen] : [`/run/user/${uid}/treenail`, `/tmp/treenail-${uid}`];
  const paths = places.filter(isOurs).map((place) => `${place}/${name}.sock`);
  return paths.find((path) => fs.existsSync(path)) ?? `${places[0]}/${name}.sock`;
}

function frame(kind, body, flags = 0, tag = 0, id = 0) {
  const bytes = Buffer.alloc(HEADER_LEN + body.length);
  bytes.writeUInt32LE(body.length, 0);
  bytes[4] = kind;
  bytes[5] = flags;
  bytes.writeUInt32LE(tag, 8);
  bytes.writeUInt32LE(id, 12);
  bytes.set(body, HEADER_LEN);
  return bytes;
}

function helloBody() {
  const body = Buffer.alloc(HELLO_LEN);
  body.write('TREENAIL', 0, 'ascii');
  body.writeUInt16LE(1, 8); // major; minor, features and the ring's wish stay 0
  body.writeUInt32LE(MESSAGE_MAX, 12);
  body.writeUInt32LE(process.pid, 28);
  return body;
}

// Messages over a connected socket, which may be sent at once. Events: 'open' once the peer has said
// HELLO, 'message' (payload, tag, flags, id), and once 'end' with null after an orderly close, else
// with an Error.
class Channel extends EventEmitter {
  static connect(endpoint) {
    return new Channel(net.connect(socketPath(endpoint)));
  }

  constructor(socket) {
    super();
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.fragments = [];
    this.open = false;
    this.messageMax = EARLY_MAX;
    this.ended = false;
    socket.write(frame(HELLO, helloBody()));
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the peer died')));
  }

  // Sends one message; false when it is better to wait for the socket's 'drain'.
  send(payload, tag = 0, flags = 0, id = 0) {
    const body = Buffer.from(payload);
    if (body.length > this.messageMax) {
      throw new Error(`the peer takes messages of at most ${this.messageMax} bytes`);
    }
    return this.socket.write(frame(DATA, body, flags, tag, id));
  }

  close() {
    this.ended = true;
    this.socket.end(frame(CLOSE, Buffer.alloc(0)));
  }

  #end(error) {
    if (this.ended) return;
    this.ended = true;
    this.socket.destroy();
    this.emit('end', error);
  }

  // Cuts what has arrived into frames.
  #take(chunk) {
    this.received = this.received.length ? Buffer.concat([this.received, chunk]) : chunk;
    while (!this.ended && this.received.length >= HEADER_LEN) {
      const length = this.received.readUInt32LE(0);
      if (length > MESSAGE_MAX || this.received.readUInt16LE(6) !== 0) {
        return this.#end(new Error('a broken frame, or one too long'));
      }
      if (this.received.length < HEADER_LEN + length) return;
      const header = this.received.subarray(0, HEADER_LEN);
      const body = this.received.subarray(HEADER_LEN, HEADER_LEN + length);
      this.received = this.received.subarray(HEADER_LEN + length);
      this.#frame(header, body);
    }
  }

  #frame(header, body) {
    const kind = header[4];
    if (kind === CLOSE) {
      this.#end(this.open ? null : new Error(`refused: ${body}`));
    } else if (!this.open) {
      this.#hello(kind, body);
    } else if (kind === DATA) {
      this.#data(header, body);
    } else if (kind === PING) {
      this.socket.write(frame(PONG, body));
    } else if (kind !== PONG) {
      this.#end(new Error(`a frame of kind ${kind}`));
    }
  }

  #hello(kind, body) {
    const ours = kind === HELLO && body.length >= HELLO_LEN;
    if (!ours || body.toString('ascii', 0, 8) !== 'TREENAIL' || body.readUInt16LE(8) !== 1) {
      return this.#end(new Error('the peer speaks another format'));
    }
    this.messageMax = body.readUInt32LE(12);
    this.open = true;
    this.emit('open');
  }

  #data(header, body) {
    this.fragments.push(body);
    const size = this.fragments.reduce((sum, part) => sum + part.length, 0);
    if (size > MESSAGE_MAX) return this.#end(new Error('a message that is too long'));
    if (header[5] & MORE) return;
    const payload = Buffer.concat(this.fragments);
    this.fragments = [];
    this.emit('message', payload, header.readUInt32LE(8), header[5], header.readUInt32LE(12));
  }
}

module.exports = { Channel };
