/** A database of countries in the MaxMind DB format 2.0, of a few IPv4 networks: enough for a test. */
export function countryDatabase(networks: readonly { bits: string; country: string }[]): Buffer {
  const data = networks.map(({ country }) => map([['country', map([['iso_code', text(country)]])]]))
  const offsets = data.map((_, at) => data.slice(0, at).reduce((sum, bytes) => sum + bytes.length, 0))
  // A node is two records; a record is the number of a node, or null, or where the data is.
  const nodes: (number | null | { data: number })[][] = [[null, null]]
  for (const [at, { bits }] of networks.entries()) {
    let node = 0
    for (const [depth, bit] of bits.split('').entries()) {
      const side = Number(bit)
      const children = nodes[node] ?? []
      if (depth === bits.length - 1) children[side] = { data: at }
      else {
        const next = children[side]
        node = typeof next === 'number' ? next : nodes.push([null, null]) - 1
        children[side] = node
      }
    }
  }
  const tree = Buffer.alloc(nodes.length * 8)
  for (const [at, record] of nodes.flat().entries()) {
    const value =
      record === null
        ? nodes.length
        : typeof record === 'number'
          ? record
          : nodes.length + 16 + (offsets[record.data] ?? 0)
    tree.writeUInt32BE(value, at * 4)
  }
  const metadata = map([
    ['binary_format_major_version', uint(5, 2)],
    ['binary_format_minor_version', uint(5, 0)],
    ['build_epoch', Buffer.from([0x04, 0x02, 0x65, 0, 0, 0])],
    ['database_type', text('Test-Country')],
    ['description', map([])],
    ['ip_version', uint(5, 4)],
    ['languages', Buffer.from([0x00, 0x04])],
    ['node_count', uint(6, nodes.length)],
    ['record_size', uint(5, 32)],
  ])
  return Buffer.concat([
    tree,
    Buffer.alloc(16),
    ...data,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    metadata,
  ])
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40 | value.length]), Buffer.from(value)])
}

function map(entries: readonly (readonly [string, Buffer])[]): Buffer {
  return Buffer.concat([
    Buffer.from([0xe0 | entries.length]),
    ...entries.flatMap(([key, value]) => [text(key), value]),
  ])
}

/** Type 5 is uint16, 6 is uint32; two bytes are enough. */
function uint(type: 5 | 6, value: number): Buffer {
  return Buffer.from([(type << 5) | 2, value >> 8, value & 0xff])
}
