/// A pushdown automaton over the bytes of JSON texts that are valid against a schema.
///
/// A state is a frame, the innermost value that is under way, on top of the state around it; each is stored once, with its
/// transitions as they are found. What several schemas say of a value (`anyOf`, `not`, `if` …) is one formula; strings and
/// names are followed in one language that says as much, numbers are compared exactly, and of the rest it is known after
/// every byte what can no longer be true.
struct JSONMachine: ByteMachine {
  typealias State = Int32

  static let dead: State = 0

  var compiler: SchemaCompiler
  /// Any characters, as strings without a language of their own have them.
  let anyString: Expression
  let anyCharacter: Expression
  var work = WorkMeter()
  var states = JSONStates()
  var requirements: [Requirement] = []
  var requirementNumbers: [Requirement: Int] = [:]
  /// The requirements for values of each kind, where they were asked for.
  var kindRequirements: [KindRequirement?] = []
  /// The requirements that remain behind members.
  var remainders = Remainders()
  var possibilities = Possibilities()
  var completions = Completions()
  var fewValues = FewValues()
  /// The frames before names, `nil` where none may follow, by the objects that they stand in.
  var nextNames: [ObjectFrame: NameFrame?] = [:]
  /// The members of objects whose statements are alternatives.
  var alternativeMembers: [AlternativeMember: KindRequirement.Member] = [:]
  /// The known names that may come next, by number.
  var nameSets: [KnownNames] = []
  private(set) var start: State = 0
  private let hasWhiteSpace: Bool
  var numberReaches: [Formula: NumberReach] = [:]
  var stringMasks = StringMasks()

  /// The number of characters of a number, and the powers of ten to which it reaches up and down.
  static let maxDigits: UInt16 = 100
  static let maxExponent: UInt16 = 308
  static let minExponent: UInt16 = 400
  /// The number of digits that an exponent has at most, zeros before others included, where the schema says something of a number.
  static let maxExponentDigits: UInt8 = 3
  /// The white space that there may be at the end, where the value is a part of another text and nothing else ends it.
  private static let maxSpaces: UInt8 = 100
  private static let maxStates = Constraint.stateLimit

  /// - Throws: ``SchemaError`` when the schema cannot be held, or nothing is valid against it.
  init(_ schema: JSONValue, _ whiteSpace: Constraint.WhiteSpace = .anywhere) throws(SchemaError) {
    hasWhiteSpace = whiteSpace == .anywhere
    compiler = try SchemaCompiler(schema)
    anyString = compiler.automaton.pool.anyText
    anyCharacter = compiler.automaton.pool.character(of: .all)
    let goal = compiler.pool.leaf(.outcome(0))
    let requirement = number(of: Requirement(schemas: [compiler.main], goal: goal))
    let isPossible = isPossible(requirement)
    guard !isFull else { throw SchemaError(path: "", reason: "it is too large, or has too many alternatives") }
    guard isPossible else { throw contradiction(of: compiler.main) }
    start = state(.value(requirement: requirement, parent: Self.dead))
  }

  /// `true` once there are more states than there may be, or a question took more work.
  var isFull: Bool {
    states.count > Self.maxStates || work.isSpent || compiler.pool.work.isSpent || compiler.automaton.pool.isFull
  }

  mutating func renewWork() {
    work.renew()
    compiler.pool.work.renew()
    compiler.automaton.pool.work.renew()
  }

  var isHalfFull: Bool { states.count > Self.maxStates / 2 || compiler.automaton.pool.isHalfFull || isFull }

  // MARK: States

  mutating func state(_ frame: JSONFrame) -> State { states.state(of: frame) }

  /// The state behind a byte; ``dead`` when the byte may not follow.
  mutating func next(_ state: State, _ byte: UInt8) -> State {
    if let known = states.transitions[state, byte] { return known }
    work.take(WorkMeter.expression)
    let result = isFull || state == Self.dead ? Self.dead : compute(state, byte)
    states.transitions[state, byte] = result
    return result
  }

  /// `true` when the text may end here.
  mutating func isAccepting(_ state: State) -> Bool {
    switch states[state] {
    case .end: return true
    case .number(let frame, let parent):
      let behind = finish(frame, parent)
      if case .end = states[behind] { return true }
      return false
    default: return false
    }
  }

  private mutating func compute(_ state: State, _ byte: UInt8) -> State {
    if byte.isJSONSpace, isBetweenParts(state) {
      guard case .end(let spaces) = states[state] else { return state }
      return spaces < Self.maxSpaces ? self.state(.end(spaces: spaces + 1)) : Self.dead
    }
    switch states[state] {
    case .dead, .end: return Self.dead
    case .value(let requirement, let parent): return begin(requirement, byte, parent)
    case .word(let word, let seen, let outcomes, let parent):
      let bytes = unsafe UnsafeBufferPointer(start: word.bytes.utf8Start, count: word.bytes.utf8CodeUnitCount)
      guard unsafe bytes[Int(seen)] == byte else { return Self.dead }
      if Int(seen) + 1 < word.bytes.utf8CodeUnitCount {
        return self.state(.word(kind: word, seen: seen + 1, outcomes: outcomes, parent: parent))
      }
      return finish(parent, outcomes, word == .null ? .null : .boolean(word == .yes))
    case .string(let frame, let parent): return advance(frame, byte, parent)
    case .name(let frame, let parent): return advance(frame, byte, parent)
    case .number(let frame, let parent):
      if let further = advance(frame, byte) {
        return further.map { self.state(.number($0, parent: parent)) } ?? Self.dead
      }
      let behind = finish(frame, parent)
      return behind == Self.dead ? Self.dead : next(behind, byte)
    case .array(let frame, let parent): return advance(frame, byte, parent, state)
    case .object(let frame, let parent): return advance(frame, byte, parent)
    }
  }

  func isBetweenParts(_ state: State) -> Bool {
    switch states[state] {
    case .end, .value, .array, .object: hasWhiteSpace
    case .dead, .word, .string, .name, .number: false
    }
  }

  // MARK: Requirements

  /// The state behind a value.
  mutating func finish(_ parent: State, _ outcomes: Outcomes, _ value: ToldValue?) -> State {
    let end = JSONStates.End(parent: parent, outcomes: outcomes, value: value)
    if let known = states.state(behind: end) { return known }
    let result: State
    switch states[parent] {
    case .array(let frame, let outer): result = behindElement(frame, outcomes, value, outer)
    case .object(let frame, let outer): result = behindMember(frame, outcomes, value, outer)
    default: result = state(.end())
    }
    states.insert(end, before: result)
    return result
  }

  /// The state in which a value begins with a byte.
  private mutating func begin(_ number: Int, _ byte: UInt8, _ parent: State) -> State {
    switch byte {
    case UInt8(ascii: "n"): return begin(.null, .null, number, parent)
    case UInt8(ascii: "t"): return begin(.yes, .boolean, number, parent)
    case UInt8(ascii: "f"): return begin(.no, .boolean, number, parent)
    case UInt8(ascii: "\""): return beginString(number, parent)
    case UInt8(ascii: "["):
      guard admits(number, .array) else { return Self.dead }
      let requirement = requirement(number, of: .array)
      var frame = ArrayFrame(requirement: number, contained: requirement.contains.map { _ in 0 })
      if isTold(number) { frame.values = [] }
      return state(.array(frame, parent: parent))
    case UInt8(ascii: "{"):
      guard admits(number, .object) else { return Self.dead }
      let requirement = requirement(number, of: .object)
      var frame = requirement.emptyObject(number)
      if isTold(number) { frame.members = [:] }
      return state(.object(frame, parent: parent))
    default: return beginNumber(number, byte, parent)
    }
  }

  private mutating func begin(_ word: JSONFrame.Word, _ kind: JSONKinds, _ number: Int, _ parent: State) -> State {
    let requirement = requirement(number, of: kind)
    guard isTrue(requirement.goal, of: word) else { return Self.dead }
    let outcomes = Outcomes(bits: requirement.outcomes.map { isTrue($0, of: word) })
    return state(.word(kind: word, seen: 1, outcomes: outcomes, parent: parent))
  }

  func isTrue(_ formula: Formula, of word: JSONFrame.Word) -> Bool {
    compiler.pool.truth(of: formula) { leaf in
      if case .boolean(let value) = leaf { Truth(value == (word == .yes)) } else { .yes }
    } == .yes
  }
}
