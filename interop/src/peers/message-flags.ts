// Reads the compressed flags out of the bytes of a gRPC message stream: one byte of flag and four of
// length before each message. For libraries that do not tell.

const PREFIX_BYTES = 5;

export class MessageFlags {
  /** One per message whose prefix has been seen, in order. */
  readonly compressed: boolean[];
  private prefix: Buffer;
  private left: number;

  constructor() {
    this.compressed = [];
    this.prefix = Buffer.alloc(0);
    this.left = 0;
  }

  /** @param chunk borrowed until return */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.left > 0) {
        const taken = Math.min(this.left, chunk.length - at);
        this.left -= taken;
        at += taken;
        continue;
      }
      const part = chunk.subarray(at, at + PREFIX_BYTES - this.prefix.length);
      this.prefix = Buffer.concat([this.prefix, part]);
      at += part.length;
      if (this.prefix.length < PREFIX_BYTES) return;
      this.compressed.push(this.prefix[0] === 1);
      this.left = this.prefix.readUInt32BE(1);
      this.prefix = Buffer.alloc(0);
    }
  }
}
