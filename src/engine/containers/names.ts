import { invalid } from '#lib/errors.ts'

const ADJECTIVES =
  'able agile amber ample avid bold brave brisk calm clever crisp daring deft dreamy eager earnest fair fleet fond gentle glad golden grand happy hardy hearty honest jolly keen kind lively lucid merry mild nifty nimble noble patient plucky proud quick quiet ready rosy serene sharp silent silver steady sunny swift tender tidy trusty upbeat vivid warm wise witty zesty'.split(
    ' ',
  )
const SURNAMES =
  'abel ampere babbage banach bell bohr boole born bose cantor cauchy cerf church curie dalton darwin dijkstra dirac easley euclid euler faraday fermat feynman fourier franklin galileo galois gauss germain goedel hamilton hertz hilbert hodgkin hopper hubble huygens johnson joule kepler knuth lamarr lamport laplace leavitt leibniz liskov lovelace maxwell meitner mendel mirzakhani newton noether pascal pasteur perlman planck ramanujan riemann ritchie rubin sagan shannon tesla thompson turing volta wilson wozniak wu yalow'.split(
    ' ',
  )

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Without its leading slash. @throws invalid in Docker's words */
export function parseName(name: string): string {
  const bare = name.startsWith('/') ? name.slice(1) : name
  if (!NAME.test(bare)) {
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  }
  return bare
}

/** `adjective_surname` that `isFree`, with a number when luck fails. `random` is in [0, 1). */
export function randomName(isFree: (name: string) => boolean, random: () => number): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)] ?? words[0]
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}${attempt < 5 ? '' : Math.floor(random() * 10 ** Math.min(attempt, 9))}`
    if (isFree(name)) return name
  }
}
