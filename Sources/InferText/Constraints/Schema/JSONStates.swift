/// The states of a ``JSONMachine`` that were found, each stored once, and the ways between them.
struct JSONStates {
  /// Frames by state. State 0 is ``JSONFrame/dead``.
  private var frames = InternTable<JSONFrame>()
  var transitions = Transitions()
  /// States behind values.
  private var ends = InternTable<End>()
  private var endStates: [Int32] = []
  /// States behind names.
  var nameEnds: [NameEnd: Int32] = [:]
  /// States before the next elements of arrays, by the state in the array.
  var elements: [Int32: Int32] = [:]
  /// Texts that matter in values within states.
  var knownTexts: [Int32: KnownTexts] = [:]
  /// Tails of tokens that may stand behind the end of a string, by the state there.
  var tails: [Int32: TokenMask] = [:]

  struct End: Hashable {
    let parent: Int32
    let outcomes: Outcomes
    let value: ToldValue?
  }

  struct NameEnd: Hashable {
    /// The state of the object around the name.
    let object: Int32
    let name: JSONMachine.Name
  }

  init() {
    _ = frames.insert(.dead)
    transitions.addState()
  }

  var count: Int { frames.count }

  subscript(state: Int32) -> JSONFrame { frames[Int(state)] }

  mutating func state(of frame: JSONFrame) -> Int32 {
    let (isNew, state) = frames.insert(frame)
    if isNew { transitions.addState() }
    return Int32(state)
  }

  /// The state behind the end of a value, if it was found.
  func state(behind end: End) -> Int32? { ends.number(of: end).map { endStates[$0] } }

  mutating func insert(_ end: End, before state: Int32) {
    if ends.insert(end).isNew { endStates.append(state) }
  }
}
