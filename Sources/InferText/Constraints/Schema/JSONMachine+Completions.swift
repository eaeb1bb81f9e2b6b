import OrderedCollections

/// Objects of which it is known whether some further members complete them.
struct Completions {
  /// Objects as far as what may follow depends on them, and `false` where nothing completes them.
  fileprivate var known: [ObjectFrame: Bool] = [:]
  /// Objects that nothing completed in one round of ``Possibilities``.
  var failed: Set<ObjectFrame> = []
  /// The steps that the search under way may still take; `nil` where there is none.
  fileprivate var steps: Int?
  fileprivate var depth = 0
}

// Where statements about an object are alternatives, what a member may be depends on whether others can still make them true:
// a search over the members that may follow and what each of them may break. It is bounded. Beyond its bounds an object is
// taken to be possible, so that no valid text is refused; that statements are true in the end is told without it.
extension JSONMachine {
  static let maxSteps = 1000
  private static let maxDepth = 64
  private static let maxClasses = 32

  /// Does what needs a search, with as many steps as one may take altogether.
  mutating func searching<Result>(_ body: (inout JSONMachine) -> Result) -> Result {
    var steps = Self.maxSteps
    return searching(steps: &steps, body)
  }

  /// Does what needs a search, with so many steps, unless it is a part of one.
  ///
  /// - Parameter steps: The number of steps, and afterwards of those that are left.
  mutating func searching<Result>(steps: inout Int, _ body: (inout JSONMachine) -> Result) -> Result {
    guard completions.steps == nil else { return body(&self) }
    completions.steps = steps
    defer {
      steps = completions.steps ?? 0
      completions.steps = nil
    }
    return body(&self)
  }

  /// `false` when the search has no step left.
  mutating func takeStep() -> Bool {
    guard let steps = completions.steps, steps > 0, !isFull else { return false }
    completions.steps = steps - 1
    return true
  }

  /// `false` when no members behind those of a frame make the goal of its requirement true.
  mutating func isCompletable(_ frame: ObjectFrame) -> Bool {
    let requirement = requirement(frame.requirement, of: .object)
    if goalTruth(in: frame, isEnd: true) == .yes { return true }
    if goalTruth(in: frame, isEnd: false) == .no { return false }
    if requirement.isConjunction, let result = hasRequired(behind: frame, requirement) { return result }
    let frame = essence(of: frame, requirement)
    if let known = completions.known[frame] { return known }
    if isSearching, completions.failed.contains(frame) { return false }
    guard completions.depth < Self.maxDepth, takeStep() else { return true }
    completions.depth += 1
    defer { completions.depth -= 1 }
    let result = hasCompletion(frame, requirement)
    if result || !isSearching {
      completions.known[frame] = result
    } else {
      completions.failed.insert(frame)
    }
    return result
  }

  /// `true` when the names that a conjunction says must be there may still come, as far as that shows; `nil` where the number
  /// of members makes it a search.
  private mutating func hasRequired(behind frame: ObjectFrame, _ requirement: KindRequirement) -> Bool? {
    var missing = 0
    for index in requirement.names.indices where requirement.isRequired(index) && !frame.hasSeen(index) {
      guard !frame.isPassed(index) else { return false }
      guard member(.known(index), behind: frame).requirement != nil else { return false }
      missing += 1
    }
    guard requirement.isCounted else { return true }
    let count = frame.count + missing
    if count > requirement.counts.upperBound { return false }
    return count >= requirement.counts.lowerBound ? true : nil
  }

  private mutating func hasCompletion(_ frame: ObjectFrame, _ requirement: KindRequirement) -> Bool {
    let told = requirement.toldNames ?? toldNames(requirement)
    requirement.toldNames = told
    // One order of the names is enough. Those that are passed over come no more.
    for index in told where !frame.isPassed(index) && !frame.hasSeen(index) {
      if mayComplete(.known(index), frame, requirement) { return true }
      var passed = frame
      passed.last = index
      let mayPass =
        requirement.isConjunction ? !requirement.isRequired(index) : goalTruth(in: passed, isEnd: false) != .no
      if !mayPass { break }
    }
    // One of each class of the names that no statement knows.
    guard let classes = classesOfOtherNames(requirement) else { return true }
    return classes.contains { mayComplete(.other($0.matches, nil), frame, requirement) }
  }

  /// `true` when a member of a name, and others behind it, may complete an object.
  private mutating func mayComplete(_ name: Name, _ frame: ObjectFrame, _ requirement: KindRequirement) -> Bool {
    guard let member = proposal(name, behind: frame, requirement) else { return false }
    var isFound = false
    let isWhole = forEachOutcome(of: member.requirement) { machine, outcomes in
      var next = machine.essence(of: member.around.behindMember(outcomes), requirement)
      if case .known(let index) = name { next.last = index }
      // Members behind which all is as it was may as well be absent.
      let passed = machine.passed(frame, next, requirement)
      isFound = next != passed && machine.isCompletable(machine.remainder(of: next))
      return !isFound
    }
    return isFound || !isWhole
  }

  /// The indices of the names that a goal tells from names that no statement knows.
  private func toldNames(_ requirement: KindRequirement) -> [Int] {
    // There may be no other name that is in the same of some languages.
    guard requirement.patterns.isEmpty else { return Array(requirement.names.indices) }
    var indices: Set<Int> = []
    func insert(_ name: JSONName) { if let index = requirement.table.indices[name] { indices.insert(index) } }
    for rule in requirement.memberRules { compiler.memberRules[rule].named.keys.forEach(insert) }
    compiler.pool.forEachLeaf(of: requirement.goal) { if case .member(let name) = $0 { insert(name) } }
    return indices.sorted()
  }

  /// The names that no statement knows, by the languages that they are in; `nil` where there are too many ways.
  mutating func classesOfOtherNames(_ requirement: KindRequirement) -> [NameTable.Class]? {
    if let known = requirement.table.otherClasses { return known.count > Self.maxClasses ? nil : known }
    let known = compiler.automaton.pool.union(ofTexts: requirement.names.map(\.bytes))
    let others = compiler.automaton.pool.intersection([compiler.automaton.pool.complement(known), anyString])
    var classes = [NameTable.Class(matches: [], names: others)]
    for pattern in requirement.patterns where classes.count <= Self.maxClasses {
      let outside = compiler.automaton.pool.complement(pattern)
      classes = classes.flatMap { part in
        [true, false].compactMap { isMatch in
          let names = compiler.automaton.pool.intersection([part.names, isMatch ? pattern : outside])
          guard !compiler.automaton.pool.isEmpty(names) else { return nil }
          return NameTable.Class(matches: part.matches + [isMatch], names: names)
        }
      }
    }
    requirement.table.otherClasses = classes
    return classes.count > Self.maxClasses ? nil : classes
  }

  /// A frame behind a member, without what no statement of its requirement looks at.
  private func essence(of frame: ObjectFrame, _ requirement: KindRequirement) -> ObjectFrame {
    let weight = weight(of: requirement)
    var frame = frame
    frame.place = .behindValue
    (frame.members, frame.name, frame.others, frame.pending) = (nil, nil, [], -1)
    for index in frame.seen.indices { frame.seen[index] &= weight.names[index] | weight.free[index] }
    frame.count = min(frame.count, weight.count)
    return frame
  }

  /// The frame before a member as if it was passed over, which comes no more.
  private func passed(_ frame: ObjectFrame, _ next: ObjectFrame, _ requirement: KindRequirement) -> ObjectFrame {
    let weight = weight(of: requirement)
    var frame = frame
    (frame.last, frame.passed) = (next.last, next.passed)
    for index in frame.seen.indices { frame.seen[index] |= next.seen[index] & weight.free[index] }
    return frame
  }

  private func weight(of requirement: KindRequirement) -> KindRequirement.Weight {
    if let known = requirement.weight { return known }
    let none = requirement.required.map { _ in UInt64(0) }
    var weight = KindRequirement.Weight(names: none, free: none, count: 0)
    for index in requirement.orderedCount..<requirement.names.count {
      weight.free[index >> 6] |= 1 << UInt64(index & 63)
    }
    compiler.pool.forEachLeaf(of: requirement.goal) { leaf in
      switch leaf {
      case .member(let name):
        if let index = requirement.table.indices[name] { weight.names[index >> 6] |= 1 << UInt64(index & 63) }
      case .memberCount(let range):
        let most = range.upperBound == .max ? range.lowerBound : range.upperBound + 1
        weight.count = max(weight.count, most)
      default: break
      }
    }
    for index in weight.free.indices { weight.free[index] &= ~weight.names[index] }
    requirement.weight = weight
    return weight
  }

  // MARK: Values

  /// A requirement's goal, narrowed to the outcomes with which further members may complete the object around the value;
  /// `nil` when there are none.
  mutating func completable(_ requirement: Requirement, in around: ObjectFrame) -> Formula? {
    let statements = statements(of: self.requirement(around.requirement, of: .object))
    var truths = statements.truths(in: around, isEnd: false)
    for held in around.held {
      if let place = statements.rulePlaces[held.rule] { truths[place] = .unknown }
    }
    if statements.goal(truths) == .yes { return requirement.goal }
    return searching { machine in
      var (ways, isRefused) = ([Formula](), false)
      let isWhole = machine.forEachOutcome(of: requirement) { machine, outcomes in
        if machine.isCompletable(machine.remainder(of: around.behindMember(outcomes))) {
          let those = outcomes.bits.enumerated().map { machine.outcome($0, is: $1) }
          ways.append(machine.compiler.pool.all(those))
        } else {
          isRefused = true
        }
        return true
      }
      if !isWhole || !isRefused && !ways.isEmpty { return requirement.goal }
      return ways.isEmpty ? nil : machine.compiler.pool.any(ways)
    }
  }

  private mutating func outcome(_ index: Int, is value: Bool) -> Formula {
    let outcome = compiler.pool.leaf(.outcome(index))
    return value ? outcome : compiler.pool.not(outcome)
  }
}
