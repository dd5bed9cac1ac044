// Finds where HTTP/2 frames end in one direction of a connection, over any cutting into chunks.
// Invariant: bytes are counted, never kept. RFC 9113 §3.4 (the client's preface, before its frames)
// and §4.1 (the nine octets in front of each). Not here: what a frame means.

const PREFACE_BYTES = 24;
const HEADER_BYTES = 9;
const LENGTH_BYTES = 3;

/** Counts the frames of one direction as its bytes pass. */
export class FrameBoundaries {
  /** Frames that have ended. */
  frames: number;
  /** Bytes to go: of the preface, then of the payload of the frame whose header has passed. */
  private remaining: number;
  /** Octets of the header that have passed; HEADER_BYTES between header and end of payload. */
  private headerSeen: number;
  private length: number;
  private inPreface: boolean;

  /** @param hasPreface true for what a client sends */
  constructor(hasPreface: boolean) {
    this.frames = 0;
    this.remaining = hasPreface ? PREFACE_BYTES : 0;
    this.headerSeen = 0;
    this.length = 0;
    this.inPreface = hasPreface;
  }

  /** True between two frames: nothing of a next one has passed. */
  get isBetweenFrames(): boolean {
    return !this.inPreface && this.headerSeen === 0;
  }

  /**
   * Takes bytes up to the end of frame `stopAt`, counted from 1; 0 is before the first frame.
   * @returns how many bytes that are; all of them where the frame does not end here
   */
  take(bytes: Uint8Array, stopAt: number): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.isBetweenFrames && this.frames === stopAt) return at;
      if (this.inPreface) {
        const taken = Math.min(this.remaining, bytes.length - at);
        this.remaining -= taken;
        at += taken;
        if (this.remaining === 0) this.inPreface = false;
        continue;
      }
      if (this.headerSeen < HEADER_BYTES) {
        if (this.headerSeen < LENGTH_BYTES) this.length = this.length * 256 + (bytes[at] ?? 0);
        this.headerSeen += 1;
        at += 1;
        if (this.headerSeen === HEADER_BYTES) this.remaining = this.length;
      } else {
        const taken = Math.min(this.remaining, bytes.length - at);
        this.remaining -= taken;
        at += taken;
      }
      if (this.headerSeen === HEADER_BYTES && this.remaining === 0) {
        this.frames += 1;
        this.headerSeen = 0;
        this.length = 0;
      }
    }
    return at;
  }

  /** True where frame `stopAt` was the last that passed, and wholly. */
  isAt(stopAt: number): boolean {
    return this.isBetweenFrames && this.frames === stopAt;
  }
}
