// The peer of the wire benchmark: answers every frame with one of `?bytes=` bytes.
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  console.log(`ws://127.0.0.1:${server.address().port}/`)
})
server.on('connection', (socket, request) => {
  const answer = Buffer.alloc(Number(new URL(request.url, 'ws://localhost').searchParams.get('bytes')), 7)
  socket.on('message', () => socket.send(answer))
})
