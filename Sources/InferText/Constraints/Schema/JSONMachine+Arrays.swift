// Arrays: which element may come next, and what is known of the statements about the array.
extension ToldValue {
  fileprivate var isContainer: Bool {
    switch self {
    case .array, .object: true
    case .null, .boolean, .number, .string: false
    }
  }
}

extension JSONMachine {
  mutating func advance(_ frame: ArrayFrame, _ byte: UInt8, _ parent: State, _ state: State) -> State {
    switch (frame.place, byte) {
    case (.opened, UInt8(ascii: "]")), (.behindElement, UInt8(ascii: "]")): return close(frame, parent)
    case (.behindElement, UInt8(ascii: ",")): return beforeElement(frame, parent, state)
    case (.opened, _):
      let value = beforeElement(frame, parent, state)
      return value == Self.dead ? Self.dead : next(value, byte)
    default: return Self.dead
    }
  }

  /// The state before the next element.
  private mutating func beforeElement(_ frame: ArrayFrame, _ parent: State, _ here: State) -> State {
    if let known = states.elements[here] { return known }
    var value = Self.dead
    let limit = elementLimit(of: requirement(frame.requirement, of: .array), number: frame.requirement)
    if let element = element(of: frame, upTo: limit) {
      var frame = element.frame
      frame.place = .element
      let inside = state(.array(frame, parent: parent))
      value = state(.value(requirement: element.requirement, parent: inside))
    }
    states.elements[here] = value
    return value
  }

  /// The maximum number of elements that a conjunction allows.
  mutating func elementLimit(of requirement: KindRequirement, number: Int) -> Int {
    guard requirement.isConjunction else { return .max }
    if let known = requirement.elementLimit { return known }
    var frame = ArrayFrame(requirement: number, contained: requirement.contains.map { _ in 0 })
    let prefix = firstElements(of: requirement)
    while frame.count <= prefix, frame.count < requirement.counts.upperBound, element(of: frame, upTo: nil) != nil {
      frame.count += 1
    }
    var limit = frame.count > prefix ? requirement.counts.upperBound : frame.count
    if let few = fewElements(of: requirement) { limit = min(limit, few.count) }
    if !isSearching { requirement.elementLimit = limit }
    return limit
  }

  /// The number of elements with schemas of their own.
  func firstElements(of requirement: KindRequirement) -> Int {
    requirement.elementRules.map { compiler.elementRules[$0].first.count }.max() ?? 0
  }

  /// The number of elements in a range of indices that may be as a schema says which a conjunction has the array contain.
  ///
  /// - Parameter place: The index of the statement in the requirement's ``KindRequirement/contains``.
  mutating func room(for place: Int, in indices: Range<Int>, of requirement: KindRequirement) -> Int {
    let prefix = firstElements(of: requirement)
    let counts = requirement.containable[place] ?? containable(place, upTo: prefix, of: requirement)
    if !isSearching { requirement.containable[place] = counts }
    let (first, end) = (min(indices.lowerBound, prefix), min(indices.upperBound, prefix))
    let isContainableBehind = counts[prefix + 1] > counts[prefix]
    return counts[end] - counts[first]
      + (isContainableBehind ? max(indices.upperBound, prefix) - max(indices.lowerBound, prefix) : 0)
  }

  /// The number of the requirement that a conjunction has of an element, and that it be as some further schemas say.
  mutating func requirement(ofElement index: Int, _ requirement: KindRequirement, and further: [Int] = []) -> Int {
    let rules = requirement.elementRules.map { compiler.elementRules[$0].schema(at: index) }
    let schemas = Set(further + rules).subtracting([SchemaCompiler.anything]).sorted()
    let goal = compiler.pool.all(schemas.indices.map { compiler.pool.leaf(.outcome($0)) })
    return number(of: Requirement(schemas: schemas, goal: goal))
  }

  /// For each number of first elements, and for one more, the number of those that may be as a schema says which the array must
  /// contain.
  private mutating func containable(_ place: Int, upTo prefix: Int, of requirement: KindRequirement) -> [Int] {
    guard case .contains(let schema, _) = requirement.contains[place] else { return Array(0...prefix + 1) }
    var counts = [0]
    for index in 0...prefix {
      let isPossible = isPossible(self.requirement(ofElement: index, requirement, and: [schema]))
      counts.append(counts[index] + (isPossible ? 1 : 0))
    }
    return counts
  }

  /// The requirement of the next element, and the frame around it; `nil` when there may be none.
  ///
  /// - Parameter limit: The maximum number of elements that there can be; `nil` where it does not matter which of them the
  ///   array must still contain.
  mutating func element(of frame: ArrayFrame, upTo limit: Int?) -> (requirement: Int, frame: ArrayFrame)? {
    let requirement = requirement(frame.requirement, of: .array)
    if let limit, frame.count >= limit { return nil }
    var frame = frame
    var element = Requirement(schemas: [], goal: .always, isTold: requirement.isUnique || isTold(frame.requirement))
    func index(of schema: Int) -> Int? {
      if schema == SchemaCompiler.anything { return nil }
      if let index = element.schemas.firstIndex(of: schema) { return index }
      element.schemas.append(schema)
      return element.schemas.count - 1
    }
    frame.held = []
    for rule in requirement.elementRules where !frame.broken.contains(rule) {
      let schema = compiler.elementRules[rule].schema(at: frame.count)
      if let index = index(of: schema) { frame.held.append(ObjectFrame.Held(rule: rule, outcomes: [index])) }
    }
    frame.counted = requirement.contains.map { leaf in
      if case .contains(let schema, _) = leaf { index(of: schema) ?? -1 } else { -1 }
    }
    var left: Int?
    if !frame.elements.isEmpty, let few = fewElements(of: requirement), few.contains(where: \.isContainer) {
      left = index(of: schema(ofFew: few.subtracting(frame.elements)))
    }
    let around = frame
    let count = frame.count + 1
    let outcomes = element.schemas.indices.map { compiler.pool.leaf(.outcome($0)) }
    let others = requirement.contains
    let denied = outcomes.map { compiler.pool.not($0) }
    let other = left.map { outcomes[$0] } ?? (requirement.isUnique ? otherThan(frame.elements) : .always)
    let rooms = others.indices.map { place in
      let all = frame.count..<(limit ?? .max)
      guard limit != nil, requirement.isConjunction else { return (all: all.count, here: 1) }
      return (room(for: place, in: all, of: requirement), room(for: place, in: all.prefix(1), of: requirement))
    }
    element.goal = compiler.pool.possibility(of: requirement.goal) { leaf, isTrue in
      switch leaf {
      case .elements(let rule):
        if around.broken.contains(rule) { return isTrue ? .never : .always }
        guard isTrue, let held = around.held.first(where: { $0.rule == rule }) else { return .always }
        return outcomes[held.outcomes[0]]
      case .elementCount(let range):
        return isTrue && count > range.upperBound ? .never : .always
      case .contains(_, let range):
        guard isTrue, let place = others.firstIndex(of: leaf) else { return .always }
        let index = around.counted[place]
        if around.contained[place] >= range.upperBound { return index < 0 ? .never : denied[index] }
        // As many as are needed at least have to be among those that may still come.
        let needed = range.lowerBound - around.contained[place]
        guard needed > 0, needed >= rooms[place].all else { return .always }
        return needed > rooms[place].all ? .never : index < 0 || rooms[place].here == 0 ? .always : outcomes[index]
      case .uniqueElements:
        guard isTrue else { return .always }
        return around.hasEqual ? .never : other
      default: return .always
      }
    }
    guard element.goal != .never else { return nil }
    let number = number(of: element)
    return isPossible(number) ? (number, frame) : nil
  }

  /// The statement that a value is none of some, as far as they are neither arrays nor objects.
  private mutating func otherThan(_ values: Set<ToldValue>) -> Formula {
    guard !values.isEmpty, values.count <= Self.maxExcluded else { return .always }
    var (strings, numbers, parts) = ([[UInt8]](), Set<ExactDecimal>(), [Formula]())
    for value in values {
      switch value {
      case .null: parts.append(compiler.pool.leaf(.kinds(JSONKinds.all.subtracting(.null))))
      case .boolean(let value): parts.append(compiler.pool.leaf(.boolean(!value)))
      case .number(let number): numbers.insert(number)
      case .string(let text): strings.append(text)
      case .array, .object: break
      }
    }
    if !numbers.isEmpty {
      parts.append(compiler.pool.leaf(.number(NumberRule(excluded: numbers))))
    }
    if !strings.isEmpty {
      let taken = compiler.automaton.pool.union(ofTexts: strings.sorted { $0.lexicographicallyPrecedes($1) })
      parts.append(compiler.pool.leaf(.string(compiler.automaton.pool.complement(taken))))
    }
    return compiler.pool.all(parts)
  }

  /// Of more elements it is known only at the end of another that it is equal to one.
  private static let maxExcluded = 64

  /// The state behind an element.
  mutating func behindElement(
    _ frame: ArrayFrame, _ outcomes: Outcomes, _ value: ToldValue?, _ parent: State
  ) -> State {
    var frame = frame
    frame.count += 1
    for held in frame.held where !outcomes.bits[held.outcomes[0]] { frame.broken.append(held.rule) }
    frame.broken.sort()
    for (place, index) in frame.counted.enumerated() where index < 0 || outcomes.bits[index] {
      frame.contained[place] += 1
    }
    let requirement = requirement(frame.requirement, of: .array)
    if let value { frame.values?.append(value) }
    if requirement.isUnique, let value, !frame.elements.insert(value).inserted { frame.hasEqual = true }
    frame.held = []
    frame.counted = []
    frame.place = .behindElement
    // Where nothing looks at the number of elements, it is not counted beyond those with schemas of their own.
    if !requirement.isCounted { frame.count = min(frame.count, firstElements(of: requirement) + 1) }
    guard truth(of: requirement.goal, in: frame, isEnd: false) != .no else { return Self.dead }
    return state(.array(frame, parent: parent))
  }

  private mutating func close(_ frame: ArrayFrame, _ parent: State) -> State {
    let requirement = requirement(frame.requirement, of: .array)
    guard truth(of: requirement.goal, in: frame, isEnd: true) == .yes else { return Self.dead }
    let bits = requirement.outcomes.map { truth(of: $0, in: frame, isEnd: true) == .yes }
    return finish(parent, Outcomes(bits: bits), frame.values.map(ToldValue.array))
  }

  private mutating func truth(of formula: Formula, in frame: ArrayFrame, isEnd: Bool) -> Truth {
    let contains = requirement(frame.requirement, of: .array).contains
    func truth(of range: ClosedRange<Int>, _ count: Int) -> Truth {
      if isEnd { return Truth(range.contains(count)) }
      if count > range.upperBound { return .no }
      return count >= range.lowerBound && range.upperBound == .max ? .yes : .unknown
    }
    return compiler.pool.truth(of: formula) { leaf in
      switch leaf {
      case .elements(let rule): frame.broken.contains(rule) ? .no : isEnd ? .yes : .unknown
      case .elementCount(let range): truth(of: range, frame.count)
      case .contains(_, let range): truth(of: range, contains.firstIndex(of: leaf).map { frame.contained[$0] } ?? 0)
      case .uniqueElements: frame.hasEqual ? .no : isEnd ? .yes : .unknown
      default: .yes
      }
    }
  }
}
