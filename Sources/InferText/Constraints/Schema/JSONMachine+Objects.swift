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
    let requirement = requirement(frame.requirement, of: .object)
    guard truth(of: requirement.goal, in: frame, isEnd: false) != .no else { return Self.dead }
    return state(.object(remainder(of: frame), parent: parent))
  }

  private mutating func close(_ frame: ObjectFrame, _ parent: State) -> State {
    let requirement = requirement(frame.requirement, of: .object)
    guard truth(of: requirement.goal, in: frame, isEnd: true) == .yes else { return Self.dead }
    let bits = requirement.outcomes.map { truth(of: $0, in: frame, isEnd: true) == .yes }
    return finish(parent, Outcomes(bits: bits), frame.members.map(ToldValue.object))
  }

  // MARK: What is known

  mutating func leafTruths(_ formula: Formula, in frame: ObjectFrame) -> [SchemaLeaf: Truth] {
    let requirement = requirement(frame.requirement, of: .object)
    var result: [SchemaLeaf: Truth] = [:]
    compiler.pool.forEachLeaf(of: formula) { result[$0] = truth(of: $0, in: frame, requirement, isEnd: false) }
    return result
  }

  mutating func truth(of formula: Formula, in frame: ObjectFrame, isEnd: Bool) -> Truth {
    let requirement = requirement(frame.requirement, of: .object)
    if requirement.isConjunction, formula == requirement.goal {
      // All of it, and no name that must be there is passed over.
      guard frame.broken.isEmpty, frame.brokenNames.isEmpty else { return .no }
      guard isEnd else { return .unknown }
      let hasAll = zip(requirement.required, frame.seen).allSatisfy { $0 & $1 == $0 }
      return Truth(hasAll && (!requirement.isCounted || requirement.counts.contains(frame.count)))
    }
    return compiler.pool.truth(of: formula) { truth(of: $0, in: frame, requirement, isEnd: isEnd) }
  }

  func truth(
    of leaf: SchemaLeaf, in frame: ObjectFrame, _ requirement: KindRequirement, isEnd: Bool
  ) -> Truth {
    switch leaf {
    case .member(let name):
      guard let index = requirement.table.indices[name] else { return .no }
      if frame.hasSeen(index) { return .yes }
      return isEnd || index <= frame.last ? .no : .unknown
    case .memberCount(let range):
      if isEnd { return Truth(range.contains(frame.count)) }
      if frame.count > range.upperBound { return .no }
      return frame.count >= range.lowerBound && range.upperBound == .max ? .yes : .unknown
    case .memberNames(let language): return frame.brokenNames.contains(language) ? .no : isEnd ? .yes : .unknown
    case .members(let rule):
      if frame.broken.contains(rule) { return .no }
      return isEnd || isSettled(compiler.memberRules[rule], in: frame, requirement) ? .yes : .unknown
    default: return .yes
    }
  }

  /// `true` where no member that may follow can break a rule, since the names that it is about were there or passed over.
  private func isSettled(_ rule: MemberRule, in frame: ObjectFrame, _ requirement: KindRequirement) -> Bool {
    guard rule.others == SchemaCompiler.anything,
      rule.patterns.allSatisfy({ $0.schema == SchemaCompiler.anything })
    else { return false }
    return rule.named.allSatisfy {
      $0.schema == SchemaCompiler.anything || requirement.table.indices[$0.name].map { $0 <= frame.last } ?? false
    }
  }
}
