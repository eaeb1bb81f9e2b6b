/// The states of a ``JSONMachine`` that were found, each stored once, and the ways between them.
struct JSONStates {
  /// Frames by state. State 0 is none.
  private(set) var frames: [JSONFrame] = [.end]
  private var indices: [JSONFrame: Int32] = [:]
  var transitions = Transitions()
  /// States behind values.
  var ends: [End: Int32] = [:]
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

  init() { transitions.addState() }

  subscript(state: Int32) -> JSONFrame { frames[Int(state)] }

  mutating func state(of frame: JSONFrame) -> Int32 {
    if let known = indices[frame] { return known }
    let state = Int32(frames.count)
    frames.append(frame)
    indices[frame] = state
    transitions.addState()
    return state
  }
}
