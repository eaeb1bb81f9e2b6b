/// The characters of a string so far, where it matters afterwards which they were.
enum ToldText: Hashable {
  case exact([UInt8])
  /// The beginning of a text that something tells from others, in a mask.
  case known([UInt8])
  /// A text that nothing tells from others, in a mask: of those, one is as good as the other.
  case fresh

  /// A text for those that nothing tells from others, which is none of JSON.
  private static let freshBytes: [UInt8] = [0xFF]

  var bytes: [UInt8] {
    switch self {
    case .exact(let bytes), .known(let bytes): bytes
    case .fresh: Self.freshBytes
    }
  }

  /// The text as a mask sees it.
  func masked(_ texts: KnownTexts) -> ToldText { texts.hasBeginning(bytes) ? .known(bytes) : .fresh }

  /// Takes further characters.
  ///
  /// - Parameter texts: The texts that something tells from others.
  mutating func append(_ more: [UInt8], _ texts: @autoclosure () -> KnownTexts) {
    switch self {
    case .exact(let bytes): self = .exact(bytes + more)
    case .known(let bytes): self = ToldText.exact(bytes + more).masked(texts())
    case .fresh: break
    }
  }
}

/// Texts that constants and values so far tell from all others.
struct KnownTexts {
  private let sorted: [[UInt8]]

  init(_ texts: Set<[UInt8]>) { sorted = texts.sorted { $0.lexicographicallyPrecedes($1) } }

  /// `true` when one of the texts begins so. O(log texts).
  func hasBeginning(_ bytes: [UInt8]) -> Bool {
    let index = sorted.firstIndexInOrder { !$0.lexicographicallyPrecedes(bytes) }
    return index < sorted.count && sorted[index].starts(with: bytes)
  }
}

// Where equal values or names matter there is a state for each text. A mask looks at thousands of them, nearly all of which
// nothing tells from each other: those are one state there.
extension JSONMachine {
  /// The state in a told string or name as a mask sees it; `nil` where the text may be the only one that is left, so that it
  /// matters.
  mutating func masked(_ state: State) -> State? {
    switch states[state] {
    case .string(var frame, let parent):
      guard let text = frame.characters, compiler.automaton.hasSeveral(frame.languages[0]) else { return nil }
      frame.characters = text.masked(texts(knownIn: parent))
      return self.state(.string(frame, parent: parent))
    case .name(var frame, let parent):
      guard let text = frame.characters, compiler.automaton.hasSeveral(frame.others) else { return nil }
      frame.characters = text.masked(texts(knownIn: parent))
      return self.state(.name(frame, parent: parent))
    default: return nil
    }
  }

  /// The texts that matter in a value within a state: constants of the schema, names so far and what elements so far have.
  mutating func texts(knownIn parent: State) -> KnownTexts {
    if let known = states.knownTexts[parent] { return known }
    var texts = compiler.constants
    var place = parent
    while let around = add(states[place], to: &texts) { place = around }
    let known = KnownTexts(texts)
    states.knownTexts[parent] = known
    return known
  }

  /// - Returns: The state around the frame.
  private func add(_ frame: JSONFrame, to texts: inout Set<[UInt8]>) -> State? {
    switch frame {
    case .array(let array, let parent):
      for element in array.elements { element.addTexts(to: &texts) }
      return parent
    case .object(let object, let parent):
      texts.formUnion(object.others.map(\.bytes))
      return parent
    default: return nil
    }
  }
}

extension ToldValue {
  fileprivate func addTexts(to texts: inout Set<[UInt8]>) {
    switch self {
    case .null, .boolean, .number: break
    case .string(let text): texts.insert(text)
    case .array(let elements): for element in elements { element.addTexts(to: &texts) }
    case .object(let members):
      for (name, value) in members {
        texts.insert(name.bytes)
        value.addTexts(to: &texts)
      }
    }
  }
}

extension ByteAutomaton {
  /// `true` when a language has more than one string. O(strings' length) where it has one.
  fileprivate mutating func hasSeveral(_ language: Expression) -> Bool {
    var state = language
    while true {
      var bytes: [UInt8] = []
      for byte in UInt8.min...UInt8.max where next(state, byte) != .nothing {
        bytes.append(byte)
        if bytes.count == 2 || isAccepting(state) { return true }
      }
      guard let byte = bytes.first else { return false }
      state = next(state, byte)
    }
  }
}
