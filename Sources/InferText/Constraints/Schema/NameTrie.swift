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

  func insert(_ number: Int, into names: inout Names) { names[places[number] >> 6] |= 1 << UInt64(places[number] & 63) }

  /// The node behind a byte; `nil` where no name is below it.
  func child(of node: Int32, _ byte: UInt8) -> Int32? {
    nodes[Int(node)].children.first { $0.byte == byte }?.node
  }

  /// `true` where a name of a set begins with a node's string.
  func has(_ names: Names, below node: Int32) -> Bool {
    let places = nodes[Int(node)].places
    var first = Int(places.lowerBound)
    while first < Int(places.upperBound) {
      // The bits of a word from the first place up to the last.
      let last = min(Int(places.upperBound), (first >> 6 + 1) << 6)
      let part = (names[first >> 6] >> UInt64(first & 63)) << UInt64(64 - (last - first))
      if part != 0 { return true }
      first = last
    }
    return false
  }

  /// The name that ends at a node, and `true` if it is of a set.
  func name(at node: Int32, _ names: Names) -> (number: Int, isOfSet: Bool)? {
    let place = nodes[Int(node)].name
    return place >= 0 ? (numbers[Int(place)], Self.contains(names, place)) : nil
  }

  /// `true` where a name of a set goes on from a node with one of some characters; none does within a character.
  func hasCharacter(_ characters: CodePointSet, _ names: Names, below node: Int32) -> Bool {
    let depth = Int(nodes[Int(node)].depth)
    return nodes[Int(node)].places.contains { place in
      guard Self.contains(names, place) else { return false }
      let rest = self.names[numbers[Int(place)]].bytes.dropFirst(depth)
      guard let first = rest.first, first & 0xC0 != 0x80,
        let next = String(decoding: rest, as: UTF8.self).unicodeScalars.first?.value
      else { return false }
      return characters.ranges.contains { $0.contains(next) }
    }
  }

  private static func contains(_ names: Names, _ place: Int32) -> Bool {
    names[Int(place) >> 6] >> UInt64(place & 63) & 1 == 1
  }
}
