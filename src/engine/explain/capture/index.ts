export { NetworkCapture } from './capture.ts'
export type { CaptureService } from './capture.ts'
