/// Byte strings with a number each, searched by their beginnings.
struct ByteTrie: Sendable {
  /// The node that stands for the empty string.
  static let root: Int32 = 0

  private struct Edge {
    /// `node << 8 | byte`; `.max` marks a free slot.
    var key: UInt64
    var child: Int32
  }

  /// Open addressing; a power of two in size and at most half full.
  private var edges = Array(repeating: Edge(key: .max, child: 0), count: 64)
  /// The number of the string that ends at each node, or -1.
  private var values: [Int32] = [-1]

  /// How many nodes there are: one more than the edges.
  var count: Int { values.count }

  /// Adds a string, or gives a known one another number.
  mutating func insert(_ string: [UInt8], value: Int32) {
    var node = Self.root
    for byte in string {
      if let child = child(of: node, byte) {
        node = child
        continue
      }
      if 2 * (values.count + 1) > edges.count { grow() }
      let child = Int32(values.count)
      values.append(-1)
      let key = UInt64(node) << 8 | UInt64(byte)
      edges[slot(for: key)] = Edge(key: key, child: child)
      node = child
    }
    values[Int(node)] = value
  }

  /// The node of a string that is one byte longer than that of `node`.
  func child(of node: Int32, _ byte: UInt8) -> Int32? {
    let key = UInt64(node) << 8 | UInt64(byte)
    let edge = edges[slot(for: key)]
    return edge.key == key ? edge.child : nil
  }

  /// The number of the string that ends at `node`; nil where none does.
  func value(at node: Int32) -> Int32? {
    let value = values[Int(node)]
    return value < 0 ? nil : value
  }

  private mutating func grow() {
    let old = edges
    edges = Array(repeating: Edge(key: .max, child: 0), count: 2 * old.count)
    for edge in old where edge.key != .max { edges[slot(for: edge.key)] = edge }
  }

  /// The slot that holds `key`, or the free one where it belongs.
  private func slot(for key: UInt64) -> Int {
    let mask = edges.count - 1
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while edges[slot].key != key, edges[slot].key != .max { slot = (slot + 1) & mask }
    return slot
  }
}
