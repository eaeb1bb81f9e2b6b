import OrderedCollections

// Members: what is asked of the value of a name.
extension JSONMachine {
  /// A name: one that a statement knows, or another, of which the languages that it is in are told, and itself where equal
  /// ones matter.
  enum Name: Hashable {
    case known(Int)
    case other([Bool], JSONName?)
  }

  /// The frame around the value of a name, as if the name could stand there.
  mutating func frame(behind name: Name, _ frame: ObjectFrame) -> ObjectFrame {
    let requirement = requirement(frame.requirement, of: .object)
    var frame = frame
    if requirement.isCounted { frame.count += 1 }
    let matches = matches(name, requirement)
    switch name {
    case .known(let index):
      if index < requirement.orderedCount {
        frame.pass(before: index, requirement.table)
        if requirement.table.before == nil { frame.last = index }
      }
      frame.seen[index >> 6] |= 1 << UInt64(index & 63)
    case .other(_, let name):
      if let name { frame.others.insert(name) }
    }
    for (names, place) in statements(of: requirement).nameLanguages {
      if let place, !matches[place], !frame.brokenNames.contains(names) { frame.brokenNames.append(names) }
    }
    frame.brokenNames.sort(by: <)
    return frame
  }

  mutating func matches(_ name: Name, _ requirement: KindRequirement) -> [Bool] {
    switch name {
    case .other(let matches, _): return matches
    case .known(let index):
      if let known = requirement.table.matches[index] { return known }
      var matches: [Bool] = []
      for pattern in requirement.patterns {
        matches.append(compiler.automaton.accepts(pattern, requirement.names[index].bytes))
      }
      requirement.table.matches[index] = matches
      return matches
    }
  }

  /// The requirement for the value of a name.
  mutating func member(_ name: Name, behind frame: ObjectFrame) -> KindRequirement.Member {
    var member = describeMember(name, behind: frame)
    if let requirement = member.requirement, !isPossible(requirement) { member.requirement = nil }
    return member
  }

  mutating func describeMember(_ name: Name, behind frame: ObjectFrame) -> KindRequirement.Member {
    let requirement = requirement(frame.requirement, of: .object)
    guard requirement.isConjunction else {
      guard !isSearching else { return makeMember(name, behind: frame, requirement) }
      let key = AlternativeMember(name, frame)
      if let known = alternativeMembers[key] { return known }
      let member = makeMember(name, behind: frame, requirement)
      if alternativeMembers.count == Self.maxKnownObjects { alternativeMembers = [:] }
      alternativeMembers[key] = member
      return member
    }
    switch name {
    case .known(let index):
      if let known = requirement.knownMembers[index] { return known }
      let member = makeMember(name, behind: frame, requirement)
      requirement.knownMembers[index] = member
      return member
    case .other(let matches, _):
      if let known = requirement.otherMembers[matches] { return known }
      let member = makeMember(name, behind: frame, requirement)
      requirement.otherMembers[matches] = member
      return member
    }
  }

  /// The number of objects that ``alternativeMembers`` and ``nextNames`` keep each.
  static let maxKnownObjects = 1 << 14

  /// A member, and the object before it, as far as the object's statements tell them apart.
  struct AlternativeMember: Hashable {
    private let name: Name
    private let frame: ObjectFrame

    init(_ name: Name, _ frame: ObjectFrame) {
      self.name = if case .other(let matches, _) = name { .other(matches, nil) } else { name }
      self.frame = frame.withoutTold
    }
  }

  mutating func makeMember(
    _ name: Name, behind frame: ObjectFrame, _ requirement: KindRequirement
  ) -> KindRequirement.Member {
    guard var proposal = proposal(name, behind: frame, requirement) else { return KindRequirement.Member() }
    var member = KindRequirement.Member(held: proposal.around.held)
    if !requirement.isConjunction {
      guard let goal = completable(proposal.requirement, in: proposal.around) else { return member }
      proposal.requirement.goal = goal
    }
    guard proposal.requirement.goal != .never else { return member }
    member.requirement = number(of: proposal.requirement)
    return member
  }

  /// The requirement of a name's value by itself, whatever else may follow, and the frame around the value; `nil` when no
  /// value may follow the name.
  mutating func proposal(
    _ name: Name, behind frame: ObjectFrame, _ requirement: KindRequirement
  ) -> (requirement: Requirement, around: ObjectFrame)? {
    work.take(requirement.memberRules.count + frame.seen.count)
    var around = self.frame(behind: name, frame)
    let matches = matches(name, requirement)
    around.held = []
    var schemas: [Int] = []
    for rule in requirement.memberRules where !around.broken.contains(rule) {
      let indices = self.schemas(of: name, matches, compiler.memberRules[rule], requirement).map { schema in
        if let index = schemas.firstIndex(of: schema) { return index }
        schemas.append(schema)
        return schemas.count - 1
      }
      if !indices.isEmpty { around.held.append(ObjectFrame.Held(rule: rule, outcomes: indices)) }
    }
    let outcomes = schemas.indices.map { compiler.pool.leaf(.outcome($0)) }
    // The statements that are true where the values of rules hold.
    let held = around.held.map { held in compiler.pool.all(held.outcomes.map { outcomes[$0] }) }
    let goal: Formula
    if requirement.isConjunction {
      // What else it says does not depend on the member, but for its name.
      goal = around.brokenNames.isEmpty ? compiler.pool.all(held) : .never
    } else {
      goal = self.goal(holding: held, in: around, requirement)
    }
    guard goal != .never else { return nil }
    return (Requirement(schemas: schemas, goal: goal, isTold: isTold(frame.requirement)), around)
  }

  /// A goal that is true of the values with which the object's statements, which are alternatives, may still become true.
  ///
  /// - Parameter held: For each rule that the value is held against, the statement that it holds.
  private mutating func goal(
    holding held: [Formula], in around: ObjectFrame, _ requirement: KindRequirement
  ) -> Formula {
    let statements = statements(of: requirement)
    work.take(statements.table.count * 2)
    // The statements where the values of rules hold, and where they do not, by the places of the rules' leaves.
    var (holding, breaking) = ([Int: Formula](), [Int: Formula]())
    for (rule, formula) in zip(around.held, held) {
      guard let place = statements.rulePlaces[rule.rule] else { continue }
      holding[place] = formula
      breaking[place] = compiler.pool.not(formula)
    }
    let truths = statements.truths(in: around, isEnd: false)
    // Of the rules that hold of all other members, this one may still break some.
    var open = truths
    for place in holding.keys where truths[place] == .yes { open[place] = .unknown }
    if statements.goal(open) == .no { return .never }
    return statements.table.possibility(of: statements.table.roots[0], &compiler.pool) { place, isTrue in
      switch statements.table.leaves[place] {
      case .members(let rule) where !around.broken.contains(rule):
        if isTrue { return holding[place] ?? .always }
        return truths[place] == .yes ? breaking[place] ?? .never : .always
      default: return truths[place] == (isTrue ? .no : .yes) ? .never : .always
      }
    }
  }

  /// The schemas that the value of a name is held against, but for the one that everything is valid against.
  func schemas(
    of name: Name, _ matches: [Bool], _ rule: MemberRule, _ requirement: KindRequirement
  ) -> [Int] {
    var found: [Int] = []
    if case .known(let index) = name {
      if let schema = rule.named[requirement.names[index]] { found.append(schema) }
    }
    for pattern in rule.patterns {
      if let index = requirement.patterns.firstIndex(of: pattern.names), matches[index] { found.append(pattern.schema) }
    }
    if found.isEmpty { found = [rule.others] }
    return found.map { compiler.canonical($0) }.filter { $0 != SchemaCompiler.anything }
  }
}
