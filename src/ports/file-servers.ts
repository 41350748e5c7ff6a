/**
 * Talks to file servers before the kernel does, to say what is wrong in words. One conversation is over TCP, in frames
 * that begin with their length, as ONC RPC (RFC 5531, section 11) and SMB over TCP have them.
 */
export interface FileServers {
  /**
   * @param options.deadline milliseconds, for the whole conversation
   * @param options.privileged from a port below 1024, which only root can have
   * @throws unavailable with `details.errno`: ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT, …
   */
  dial(address: string, port: number, options: { deadline: number; privileged: boolean }): Promise<Conversation>
  /** Address of this host from which packets to `address` leave; '' when there is no way there. */
  ownAddress(address: string): Promise<string>
  /** Whether this kernel has the file system type, built in or as a module that can be loaded. */
  knowsType(type: string): boolean
}

export interface Conversation {
  /** Sends one frame and waits for the next. @throws unavailable when it is over, too long, or the deadline has passed */
  ask(frame: Uint8Array): Promise<Buffer>
  close(): void
}
