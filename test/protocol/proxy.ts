import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll } from 'vitest'

/** A network between client and server that can fail. */
export class Proxy {
  readonly #sockets = new Set<Socket>()
  /** Whether new connections are refused. */
  isDown = false
  /** Whether what the server says is swallowed. */
  isDeaf = false

  private constructor(
    readonly url: string,
    readonly port: number,
  ) {}

  static async start(server: string): Promise<Proxy> {
    const target = new URL(server)
    const listener = createServer((near) => proxy.#join(near, Number(target.port)))
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const proxy = new Proxy(`ws://127.0.0.1:${port}`, port)
    afterAll(() => {
      proxy.cut()
      listener.close()
    })
    return proxy
  }

  #join(near: Socket, port: number): void {
    if (this.isDown) {
      near.destroy()
      return
    }
    const far = connect(port, '127.0.0.1')
    near.on('data', (data) => far.write(data))
    far.on('data', (data) => this.isDeaf || near.write(data))
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => (this.#sockets.delete(socket), other.destroy()))
    }
  }

  /** Breaks every connection. */
  cut(): void {
    this.isDeaf = false
    for (const socket of this.#sockets) socket.destroy()
  }
}
