/**
 * The format of backups. An archive is a tar stream in zstd or gzip (or plain) that other programs can read: they unpack
 * the volumes and nothing else. Ours holds three things more, in places that decompressors and tar pass over:
 *
 * - The **marker**, its first member: a pax header for all members whose `comment` says what archive this is and of which
 *   volumes (`BackupHeader`). It is a segment of its own, so that little need be read to know.
 * - The **index**, after the tar's end: a JSON line for the header, for each path (`BackupEntry`, in the order of a walk)
 *   and for the end, in zstd frames of whole lines.
 * - The **trailer**, the last `TRAILER_SIZE` bytes: where the index is, and the sha256 of all bytes before.
 *
 * | format | tar                                                  | index                       | trailer                    |
 * | ------ | ---------------------------------------------------- | --------------------------- | -------------------------- |
 * | zstd   | frames that say how much they hold                   | skippable frames 0x184D2A5B | skippable frame 0x184D2A5E |
 * | gzip   | members that say how long they are (extra field Bs)  | empty members (field Bi)    | empty member (field Be)    |
 * | tar    | as it is                                             | after the two zero blocks   | after the index            |
 *
 * Each frame or member of tar (a **segment**, some 2 MiB of tar) stands for itself, so that they are compressed and
 * decompressed side by side; where they are cut depends on the tar alone: the same tree gives the same bytes.
 *
 * One volume's members are named `./path`, those of several `VOLUME/path`. Times are pax records with nanoseconds,
 * attributes `SCHILY.xattr.*` (ACLs as the kernel has them), sockets and what an incremental archive leaves to its base are
 * in the index alone. Holes are left out of the tar in zstd (GNU's sparse format 1.0, which GNU tar and bsdtar restore); in
 * gzip and plain tar they are stored as zeros, for busybox, with a pax comment that says where they were.
 *
 * A reader accepts an archive with a marker or a trailer only with both, when the trailer is byte for byte what it must
 * be, nothing follows, and tar and index say the same of every member.
 */
export { ContentDigest, digestOf } from './content-digest.ts'
export { damaged, memberLine, treeLine } from './lines.ts'
export type { IndexEnd } from './lines.ts'
export { HEAD_SIZE, headerIn, readIndex } from './look.ts'
export { decodeMarker, encodeMarker } from './marker.ts'
export { formatOf, gzipMember, gzipMemberParts, Segments } from './segments.ts'
export type { Segment } from './segments.ts'
export { indexLines, IndexWriter, unwrapIndex, wrapIndex } from './stored-index.ts'
export { decodeTrailer, encodeTrailer, TRAILER_SIZE } from './trailer.ts'
