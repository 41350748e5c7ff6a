import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [FILTER...]',
  args: [1, Infinity],
  interspersed: false,
  description: `Record the packets of a container

Nothing need be installed in its image. FILTER is an expression as tcpdump takes it:
"tcp port 80 and host 10.0.0.2". On a terminal each packet is shown as a line, else the
output is a pcap file. Ends with the container, or at an interrupt.`,
  complete: 'running-container',
  flags: {
    count: { type: 'int', short: 'c', help: 'End after this many packets' },
    interface: { type: 'string', short: 'i', default: 'any', help: 'Interface of the container, e.g. eth0' },
    snaplen: { type: 'int', short: 's', help: 'Bytes to keep of each packet (0: all)' },
    text: { type: 'bool', help: 'Lines, not a pcap file, also when the output is no terminal' },
    write: { type: 'string', short: 'w', help: 'Write a pcap file ("-" is the output)', complete: 'file' },
  },
  async run(context, { args, flags }) {
    const [container = '', ...words] = args
    const { stdout } = context
    const text = flags.text || (flags.write === '' && stdout.isTTY)
    const abort = new AbortController()
    const interrupted = () => abort.abort()
    process.once('SIGINT', interrupted)
    try {
      const packets = await context.client.networks.capture(
        container,
        {
          filter: words.join(' '),
          interface: flags.interface,
          snaplen: flags.snaplen || undefined,
          count: flags.count || undefined,
          format: text ? 'text' : 'pcap',
        },
        abort.signal,
      )
      // Written as it comes: at any moment the file is a whole one.
      if (flags.write === '' || flags.write === '-') await pipeline(packets, stdout, { end: false })
      else await pipeline(packets, createWriteStream(flags.write))
    } catch (error) {
      if (!abort.signal.aborted) throw error
    } finally {
      process.off('SIGINT', interrupted)
    }
  },
})
