import { system } from '#lib/errors.ts'
import { native, promised } from '#kernel/ffi/libc.ts'

const SONAME = 'libnftables.so.1'

const nft = {
  create: native('void *nft_ctx_new(uint32_t flags)', SONAME),
  free: native('void nft_ctx_free(void *context)', SONAME),
  run: native('int nft_run_cmd_from_buffer(void *context, const char *script)', SONAME),
  bufferOutput: native('int nft_ctx_buffer_output(void *context)', SONAME),
  bufferError: native('int nft_ctx_buffer_error(void *context)', SONAME),
  output: native('const char *nft_ctx_get_output_buffer(void *context)', SONAME),
  error: native('const char *nft_ctx_get_error_buffer(void *context)', SONAME),
  setFlags: native('void nft_ctx_output_set_flags(void *context, uint flags)', SONAME),
}

const NFT_CTX_OUTPUT_HANDLE = 1 << 3
const NFT_CTX_OUTPUT_JSON = 1 << 4
const NFT_CTX_OUTPUT_NUMERIC_ALL = 0x3c0

export type NftOutput = 'numeric' | 'symbolic' | 'text'

const FLAGS: Record<NftOutput, number> = {
  numeric: NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_ALL,
  symbolic: NFT_CTX_OUTPUT_JSON,
  text: NFT_CTX_OUTPUT_HANDLE,
}

/**
 * One context of libnftables(3), bound to the network namespace in which it is constructed (that is when the library
 * opens its socket). It must not run two scripts at a time.
 */
export class NftContext {
  readonly #context: unknown

  constructor() {
    this.#context = nft.create()(0)
    if (!this.#context) throw system('libnftables cannot make a context')
    if (nft.bufferOutput()(this.#context) !== 0 || nft.bufferError()(this.#context) !== 0) {
      throw system('libnftables cannot buffer its output')
    }
    nft.setFlags()(this.#context, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_ALL)
  }

  /**
   * Runs a script as one transaction, on a pool thread: the first one takes long (a kernel module may be loaded), and
   * any of them may wait for another program's transaction.
   *
   * @param output names (`tcp`, `established`) or numbers, or what nft(8) prints, with handles
   * @returns what it printed, as JSON text, empty for nothing
   * @throws system with the first line of the library's complaint
   */
  async run(script: string, output: NftOutput = 'numeric'): Promise<string> {
    nft.setFlags()(this.#context, FLAGS[output])
    const failed = await promised(nft.run(), 'run an nftables script', this.#context, script).then(
      code => code !== 0,
      () => true,
    )
    return this.#result(failed)
  }

  /** The same on this thread; for short scripts where nothing else waits. */
  runNow(script: string): string {
    return this.#result(nft.run()(this.#context, script) !== 0)
  }

  close(): void {
    nft.free()(this.#context)
  }

  /** On a pool thread: after a script that deleted something, closing the socket waits for a grace period (15-30 ms). */
  async closeSoon(): Promise<void> {
    await promised(nft.free(), 'free an nftables context', this.#context)
  }

  #result(failed: boolean): string {
    const output = textOf(nft.output()(this.#context))
    const complaint = textOf(nft.error()(this.#context))
    if (failed) throw system(`nftables: ${firstLine(complaint)}`, { details: errnoOf(complaint) })
    return output
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** `<cmd-buffer>:1:1-20: Error: Could not process rule: No such file or directory` without its place. */
function firstLine(complaint: string): string {
  const line = complaint.split('\n').find(text => text.includes('Error:')) ?? complaint.split('\n')[0] ?? ''
  return line.replace(/^.*?Error: /, '').trim() || 'failed without a word'
}

const ERRNO_TEXTS: Record<string, string> = {
  'No such file or directory': 'ENOENT',
  'File exists': 'EEXIST',
  'Device or resource busy': 'EBUSY',
  'Operation not supported': 'EOPNOTSUPP',
  'Operation not permitted': 'EPERM',
  'Invalid argument': 'EINVAL',
}

function errnoOf(complaint: string): Record<string, unknown> {
  const known = Object.entries(ERRNO_TEXTS).find(([text]) => complaint.includes(text))
  return known ? { errno: known[1] } : {}
}
