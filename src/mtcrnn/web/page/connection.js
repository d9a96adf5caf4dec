// The WebSocket to the server: JSON messages both ways, and blocks of sound from it.

const HEADER = 16;  // bytes: number of the first sample (float64), of the take and of the newest change (uint32)

export class Connection {
  // handlers: by type of message, and block and closed
  constructor(model, handlers) {
    const query = new URLSearchParams({ token: token(), ...(model ? { model } : {}) });
    this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/play?${query}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") {
        const message = JSON.parse(data);
        handlers[message.type]?.(message);
      } else {
        const view = new DataView(data);
        handlers.block({
          first: view.getFloat64(0, true),
          take: view.getUint32(8, true),
          change: view.getUint32(12, true),
          samples: new Float32Array(data.slice(HEADER)),
        });
      }
    };
    this.socket.onclose = () => handlers.closed();
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}

// The token in the page's own address.
export function token() {
  return new URLSearchParams(location.search).get("token") ?? "";
}
