// The plain room server that everybody writes first, to compare ours with: a map of rooms, and each message goes to the
// others in the room. No limits, no places that are kept, no counts.
// Usage: node room-server.js PORT
import { randomBytes } from 'node:crypto';
import { WebSocketServer } from 'ws';

/** @type {Map<string, Set<import('ws').WebSocket>>} */
const rooms = new Map();

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) });
server.on('connection', (socket) => {
  /** @type {string | undefined} */
  let room;
  const leave = () => {
    const others = room === undefined ? undefined : rooms.get(room);
    others?.delete(socket);
    if (room !== undefined && others?.size === 0) rooms.delete(room);
    room = undefined;
  };
  socket.on('message', (data) => {
    const message = JSON.parse(String(data));
    if (message.type === 'join') {
      // It believes everybody.
      room = String(message.room);
      const others = rooms.get(room) ?? new Set();
      rooms.set(room, others.add(socket));
      socket.send(JSON.stringify({ type: 'joined', peers: [], capacity: 8, ice_servers: [] }));
    } else if (message.type === 'leave') {
      leave();
    } else if (room !== undefined) {
      for (const other of rooms.get(room) ?? []) if (other !== socket) other.send(String(data));
    }
  });
  socket.send(JSON.stringify({ type: 'challenge', key: randomBytes(32).toString('hex') }));
  socket.on('close', leave);
  socket.on('error', leave);
});
server.on('listening', () => console.log('listening'));
