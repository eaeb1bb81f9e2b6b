/// The known names that may come next in an object. What a name's value may be takes a search, so that it is asked of a name
/// when a text comes to it.
struct KnownNames {
  /// The object before the name.
  let object: ObjectFrame
  /// `true` where names that no statement knows may come as well.
  let hasOthers: Bool
  /// The names that were not asked for.
  fileprivate var open: NameTrie.Names
  /// Those that may come.
  fileprivate var allowed: NameTrie.Names
  /// The steps that are left of the search that all of them have.
  var steps = 0

  /// - Parameters:
  ///   - object: The object before the name.
  ///   - indices: The names that were not there and may still come, by their indices in its requirement.
  init(behind object: ObjectFrame, _ indices: [Int], _ trie: NameTrie, hasOthers: Bool) {
    (self.object, self.hasOthers) = (object, hasOthers)
    (open, allowed) = (trie.none, trie.none)
    for index in indices { trie.insert(index, into: &open) }
  }
}

extension JSONMachine {
  /// `true` where one of some known names begins with a node's string.
  mutating func hasName(of set: Int, below node: Int32, _ trie: NameTrie) -> Bool {
    let places = trie.places(below: node)
    if NameTrie.first(of: nameSets[set].allowed, in: places) != nil { return true }
    while let place = NameTrie.first(of: nameSets[set].open, in: places) {
      if isAllowed(place, of: set, trie) { return true }
    }
    return false
  }

  /// `true` where one of some known names goes on from a node with one of some characters.
  mutating func hasCharacter(
    _ characters: CodePointSet, of set: Int, below node: Int32, _ trie: NameTrie
  ) -> Bool {
    for place in trie.places(below: node) where trie.hasCharacter(characters, at: place, below: node) {
      if isAllowed(place, of: set, trie) { return true }
    }
    return false
  }

  /// `true` for a name of some, by its place in the trie.
  mutating func isAllowed(_ place: Int32, of set: Int, _ trie: NameTrie) -> Bool {
    if NameTrie.contains(nameSets[set].allowed, place) { return true }
    guard NameTrie.contains(nameSets[set].open, place) else { return false }
    NameTrie.remove(place, from: &nameSets[set].open)
    let (object, hasOthers) = (nameSets[set].object, nameSets[set].hasOthers)
    var steps = nameSets[set].steps
    let isAllowed = searching(steps: &steps) { machine in
      let index = trie.numbers[Int(place)]
      let requirement = machine.requirement(object.requirement, of: .object)
      return machine.isMember(index, behind: object, requirement, hasOthers: hasOthers)
    }
    nameSets[set].steps = steps
    if isAllowed { NameTrie.insert(place, into: &nameSets[set].allowed) }
    return isAllowed
  }
}
