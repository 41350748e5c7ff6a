export { HostFileServers } from './host-file-servers.ts'
