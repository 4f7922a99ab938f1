/** Header blocks are longer than this only when somebody wants them to be. */
const MAX_HEADER_OCTETS = 32_768
const OWN_ID = /^message-id:\s*<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@/im

/** The name under which a relay is told the id of a message, so that its webhooks name it. */
export const MESSAGE_TAG = 'pigeon_message'

/** The id of the message, which is the left side of the Message-ID that we write; undefined where it has another. */
export function ownMessageId(mime: Buffer): string | undefined {
  const head = mime.subarray(0, MAX_HEADER_OCTETS).toString('latin1').split('\r\n\r\n', 1)[0] ?? ''
  return OWN_ID.exec(head)?.[1]?.toLowerCase()
}
