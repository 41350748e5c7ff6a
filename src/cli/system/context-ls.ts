import { describeEndpoint } from '#client/index.ts'
import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows, type Listing } from '../render/format.ts'

const LISTING: Listing = {
  headings: { Name: 'NAME', Description: 'DESCRIPTION', DockerEndpoint: 'DOCKER ENDPOINT', Error: 'ERROR' },
  columns: ['Name', 'Description', 'DockerEndpoint', 'Error'],
  quiet: 'Name',
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', help: FORMAT_HELP },
    quiet: { type: 'bool', short: 'q', help: 'Only show context names' },
  },
  async run(context, { flags }) {
    const row = {
      // The star marks the one in use; there is no other.
      Name: flags.quiet || flags.format ? 'default' : 'default *',
      Description: 'Current BERTH_HOST based configuration',
      DockerEndpoint: describeEndpoint(context.endpoint),
      Error: '',
      Current: true,
    }
    printRows(context, [row], LISTING, { format: flags.format, quiet: flags.quiet })
  },
})
