export { KernelUsage } from './kernel-usage.ts'
