export type { Explanation } from '#model/explain.ts'
