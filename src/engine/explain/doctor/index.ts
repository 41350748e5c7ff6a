export { NetworkDoctor } from './doctor.ts'
export type { DoctorService } from './doctor.ts'
