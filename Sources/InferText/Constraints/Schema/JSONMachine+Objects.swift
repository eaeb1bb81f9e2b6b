// Objects: which names may come next, what their values are held against, and what is known of the statements about the
// object. Known names come in the order of the schema; others anywhere. No name comes twice.
extension JSONMachine {
  mutating func advance(_ frame: ObjectFrame, _ byte: UInt8, _ parent: State) -> State {
    var frame = frame
    switch (frame.place, byte) {
    case (.opened, UInt8(ascii: "}")), (.behindValue, UInt8(ascii: "}")):
      return close(frame, parent)
    case (.behindValue, UInt8(ascii: ",")):
      guard names(behind: frame) != nil else { return Self.dead }
      frame.place = .comma
      return state(.object(frame, parent: parent))
    case (.opened, UInt8(ascii: "\"")), (.comma, UInt8(ascii: "\"")):
      guard let names = names(behind: frame) else { return Self.dead }
      frame.place = .name
      return state(.name(names, parent: state(.object(frame, parent: parent))))
    case (.behindName, UInt8(ascii: ":")):
      frame.place = .value
      let pending = frame.pending
      frame.pending = -1
      let around = state(.object(frame, parent: parent))
      return state(.value(requirement: pending, parent: around))
    default: return Self.dead
    }
  }

  // MARK: Names

  /// The state behind a member's value.
  mutating func behindMember(
    _ frame: ObjectFrame, _ outcomes: Outcomes, _ value: ToldValue?, _ parent: State
  ) -> State {
    var frame = frame
    if let name = frame.name, let value { frame.members?[name] = value }
    frame.name = nil
    frame = frame.behindMember(outcomes)
    guard goalTruth(in: frame, isEnd: false) != .no else { return Self.dead }
    return state(.object(remainder(of: frame), parent: parent))
  }

  private mutating func close(_ frame: ObjectFrame, _ parent: State) -> State {
    guard goalTruth(in: frame, isEnd: true) == .yes else { return Self.dead }
    let statements = statements(of: requirement(frame.requirement, of: .object))
    let truths = statements.table.truths(statements.truths(in: frame, isEnd: true))
    let bits = statements.table.roots.dropFirst().map { truths[$0] == .yes }
    return finish(parent, Outcomes(bits: bits), frame.members.map(ToldValue.object))
  }

  // MARK: What is known

  /// The truth of what a frame's requirement asks of the object.
  ///
  /// - Parameter isEnd: `true` where no member follows.
  mutating func goalTruth(in frame: ObjectFrame, isEnd: Bool) -> Truth {
    let requirement = requirement(frame.requirement, of: .object)
    if requirement.isConjunction {
      // All of it, and no name that must be there is passed over.
      guard frame.broken.isEmpty, frame.brokenNames.isEmpty else { return .no }
      guard isEnd else { return .unknown }
      let hasAll = zip(requirement.required, frame.seen).allSatisfy { $0 & $1 == $0 }
      return Truth(hasAll && (!requirement.isCounted || requirement.counts.contains(frame.count)))
    }
    let statements = statements(of: requirement)
    work.take(statements.table.count)
    return statements.goal(statements.truths(in: frame, isEnd: isEnd))
  }
}
