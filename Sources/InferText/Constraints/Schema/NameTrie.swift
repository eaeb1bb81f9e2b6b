/// The names that a schema knows as a trie over their bytes, and sets of them.
struct NameTrie {
  private struct Node {
    var children: [(byte: UInt8, node: Int32)] = []
    /// The name that ends here, by its place in the order of bytes; -1 for none.
    var name: Int32 = -1
    /// The places of the names that begin with the node's string.
    var places: Range<Int32> = 0..<0
    var depth: Int32 = 0
  }

  /// A set of names: bit `i % 64` of word `i / 64` is that of place `i`.
  typealias Names = [UInt64]

  /// The node of the empty string, below which all names are.
  static let root: Int32 = 0

  private var nodes = [Node()]
  /// Numbers of names by place, places by number.
  private(set) var numbers: [Int] = []
  private var places: [Int] = []
  private let names: [JSONName]

  /// A trie of names, which are told by their numbers. O(bytes · log names).
  init(_ names: [JSONName]) {
    self.names = names
    numbers = names.indices.sorted { names[$0].bytes.lexicographicallyPrecedes(names[$1].bytes) }
    places = Array(repeating: 0, count: names.count)
    nodes[0].places = 0..<Int32(names.count)
    for (place, number) in numbers.enumerated() {
      places[number] = place
      var node = 0
      for (depth, byte) in names[number].bytes.enumerated() {
        if let last = nodes[node].children.last, last.byte == byte {
          node = Int(last.node)
        } else {
          nodes.append(Node(places: Int32(place)..<Int32(place), depth: Int32(depth + 1)))
          nodes[node].children.append((byte, Int32(nodes.count - 1)))
          node = nodes.count - 1
        }
        nodes[node].places = nodes[node].places.lowerBound..<Int32(place + 1)
      }
      nodes[node].name = Int32(place)
    }
  }

  /// The empty set of names.
  var none: Names { Array(repeating: 0, count: (names.count + 63) / 64) }

  func insert(_ number: Int, into names: inout Names) { Self.insert(Int32(places[number]), into: &names) }

  static func insert(_ place: Int32, into names: inout Names) { names[Int(place) >> 6] |= 1 << UInt64(place & 63) }

  static func remove(_ place: Int32, from names: inout Names) { names[Int(place) >> 6] &= ~(1 << UInt64(place & 63)) }

  static func contains(_ names: Names, _ place: Int32) -> Bool {
    names[Int(place) >> 6] >> UInt64(place & 63) & 1 == 1
  }

  /// The first place of a set within some.
  static func first(of names: Names, in places: Range<Int32>) -> Int32? {
    var first = Int(places.lowerBound)
    while first < Int(places.upperBound) {
      // The bits of a word from the first place up to the last.
      let last = min(Int(places.upperBound), (first >> 6 + 1) << 6)
      let part = (names[first >> 6] >> UInt64(first & 63)) << UInt64(64 - (last - first))
      if part != 0 { return Int32(first + part.trailingZeroBitCount - (64 - (last - first))) }
      first = last
    }
    return nil
  }

  /// The node behind a byte; `nil` where no name is below it.
  func child(of node: Int32, _ byte: UInt8) -> Int32? {
    nodes[Int(node)].children.first { $0.byte == byte }?.node
  }

  /// The places of the names that begin with a node's string.
  func places(below node: Int32) -> Range<Int32> { nodes[Int(node)].places }

  /// The place of the name that ends at a node.
  func place(at node: Int32) -> Int32? {
    let place = nodes[Int(node)].name
    return place >= 0 ? place : nil
  }

  /// `true` where the name of a place goes on from a node above it with one of some characters; none does within a character.
  func hasCharacter(_ characters: CodePointSet, at place: Int32, below node: Int32) -> Bool {
    let rest = names[numbers[Int(place)]].bytes.dropFirst(Int(nodes[Int(node)].depth))
    guard let first = rest.first, first & 0xC0 != 0x80,
      let next = String(decoding: rest, as: UTF8.self).unicodeScalars.first?.value
    else { return false }
    return characters.ranges.contains { $0.contains(next) }
  }
}
