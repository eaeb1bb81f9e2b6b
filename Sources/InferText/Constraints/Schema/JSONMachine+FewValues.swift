/// Requirements that few values meet, and these values.
struct FewValues {
  /// `nil` for those that many values meet, or of which it does not show.
  fileprivate var known: [Int: Set<ToldValue>?] = [:]
  fileprivate var underWay: Set<Int> = []
  /// The schemas of some of the values.
  fileprivate var schemas: [Set<ToldValue>: Int] = [:]
}

// Where elements must differ, those of few values run out: no array has more of them, and the last ones have to be those that
// are left.
extension JSONMachine {
  /// Values of which it is followed which are left.
  private static let maxFew = 64
  private static let maxFewDepth = 8

  /// The values of each element of an array whose elements must differ; `nil` where there are many, or elements differ in what
  /// they may be.
  mutating func fewElements(of requirement: KindRequirement) -> Set<ToldValue>? {
    guard requirement.isUnique, requirement.isConjunction, firstElements(of: requirement) == 0 else { return nil }
    return fewValues(ofElement: 0, requirement)
  }

  /// The number of the schema that some of few values are valid against, and nothing else.
  mutating func schema(ofFew values: Set<ToldValue>) -> Int {
    if let known = fewValues.schemas[values] { return known }
    let schema: JSONValue = ["enum": .array(values.map(\.json))]
    let number = compiler.number(of: schema, "#few/\(fewValues.schemas.count)")
    fewValues.schemas[values] = number
    return number
  }

  private mutating func fewValues(ofElement index: Int, _ requirement: KindRequirement) -> Set<ToldValue>? {
    let number = self.requirement(ofElement: index, requirement)
    return requirements[number].schemas.isEmpty ? nil : fewValues(of: number)
  }

  private mutating func fewValues(of number: Int) -> Set<ToldValue>? {
    if let known = fewValues.known[number] { return known }
    guard fewValues.underWay.count < Self.maxFewDepth, fewValues.underWay.insert(number).inserted else { return nil }
    defer { fewValues.underWay.remove(number) }
    if let constants = constants(of: number) { return constants }
    var values: Set<ToldValue>? = []
    for kind in [JSONKinds.number, .string, .array, .object, .boolean, .null] where values != nil {
      let requirement = requirement(number, of: kind)
      guard requirement.goal != .never, truth(ofSome: kind, requirement.goal) != .no else { continue }
      guard let more = fewValues(of: requirement, kind, number) else {
        values = nil
        continue
      }
      values?.formUnion(more)
      if values?.count ?? 0 > Self.maxFew { values = nil }
    }
    // What is not yet known to be possible may be among them later.
    if !isSearching { fewValues.known[number] = .some(values) }
    return values
  }

  /// The values of `enum` or `const` in a schema of a requirement, some of which others may deny.
  private func constants(of number: Int) -> Set<ToldValue>? {
    for schema in requirements[number].schemas {
      let value = compiler.source(of: schema).value
      guard let values = value["enum"]?.array ?? value["const"].map({ [$0] }) else { continue }
      guard values.count <= Self.maxFew else { return nil }
      return Set(values.compactMap(ToldValue.init))
    }
    return nil
  }

  private mutating func fewValues(
    of requirement: KindRequirement, _ kind: JSONKinds, _ number: Int
  ) -> [ToldValue]? {
    switch kind {
    case .null: return [.null]
    case .boolean:
      return [JSONFrame.Word.no, .yes].filter { isTrue(requirement.goal, of: $0) }.map { .boolean($0 == .yes) }
    case .number:
      guard case .leaf(.number(let rule)) = compiler.pool[requirement.goal] else { return nil }
      return rule.fewNumbers(atMost: Self.maxFew)?.map(ToldValue.number)
    case .string: return fewStrings(requirement.goal)
    case .array: return requirement.isConjunction ? fewArrays(requirement) : nil
    default: return requirement.isConjunction ? fewObjects(requirement, number) : nil
    }
  }

  /// Strings that are among the constants of the schema.
  private mutating func fewStrings(_ goal: Formula) -> [ToldValue]? {
    guard goal != .always, compiler.constants.count <= Self.maxFew else { return nil }
    let language = language(goal)
    let constants = compiler.constants.sorted { $0.lexicographicallyPrecedes($1) }
    let others = compiler.automaton.pool.complement(compiler.automaton.pool.union(ofTexts: constants))
    let rest = compiler.automaton.pool.intersection([language, others])
    guard compiler.automaton.pool.isEmpty(rest) else { return nil }
    var strings: [ToldValue] = []
    for text in constants {
      let one = compiler.automaton.pool.union(ofTexts: [text])
      let both = compiler.automaton.pool.intersection([language, one])
      if !compiler.automaton.pool.isEmpty(both) { strings.append(.string(text)) }
    }
    return strings
  }

  private mutating func fewArrays(_ requirement: KindRequirement) -> [ToldValue]? {
    guard requirement.contains.isEmpty else { return nil }
    var (lists, arrays): ([[ToldValue]], [ToldValue]) = ([[]], [])
    var count = 0
    while count <= requirement.counts.upperBound, !lists.isEmpty {
      if count >= requirement.counts.lowerBound { arrays += lists.map(ToldValue.array) }
      guard count < requirement.counts.upperBound else { break }
      guard let next = fewValues(ofElement: count, requirement) else { return nil }
      lists = lists.flatMap { list in
        next.filter { !requirement.isUnique || !list.contains($0) }.map { list + [$0] }
      }
      guard arrays.count + lists.count <= Self.maxFew else { return nil }
      count += 1
    }
    return arrays
  }

  private mutating func fewObjects(_ requirement: KindRequirement, _ number: Int) -> [ToldValue]? {
    let frame = requirement.emptyObject(number)
    guard otherNames(behind: frame, requirement) == .nothing else { return nil }
    var objects: [[JSONName: ToldValue]] = [[:]]
    for (index, name) in requirement.names.enumerated() {
      var values: Set<ToldValue> = []
      if let member = member(.known(index), behind: frame).requirement {
        guard let few = fewValues(of: member) else { return nil }
        values = few
      }
      let absent = requirement.isRequired(index) ? [] : objects
      objects =
        absent + objects.flatMap { object in values.map { object.merging([name: $0]) { $1 } } }
      guard objects.count <= Self.maxFew else { return nil }
    }
    return objects.filter { requirement.counts.contains($0.count) }.map(ToldValue.object)
  }
}

extension ToldValue {
  /// The value of a JSON document; `nil` for numbers that are none.
  fileprivate init?(_ value: JSONValue) {
    switch value {
    case .null: self = .null
    case .bool(let value): self = .boolean(value)
    case .integer, .largeInteger, .number:
      guard let number = ExactDecimal(value) else { return nil }
      self = .number(number)
    case .string(let text): self = .string(Array(text.utf8))
    case .array(let elements): self = .array(elements.compactMap(ToldValue.init))
    case .object(let members):
      var told: [JSONName: ToldValue] = [:]
      for (name, value) in members { told[JSONName(name)] = ToldValue(value) }
      self = .object(told)
    }
  }

  /// The value as JSON.
  fileprivate var json: JSONValue {
    switch self {
    case .null: .null
    case .boolean(let value): .bool(value)
    case .number(let number): (try? JSONValue(parsing: number.text)) ?? .null
    case .string(let text): .string(String(decoding: text, as: UTF8.self))
    case .array(let elements): .array(elements.map(\.json))
    case .object(let members):
      .object(
        JSONObject(
          uniqueKeysWithValues: members.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }.map {
            (String(decoding: $0.key.bytes, as: UTF8.self), $0.value.json)
          }))
    }
  }
}

extension NumberRule {
  /// The numbers of a set of whole numbers, or of some, that has no more than so many; `nil` for others.
  func fewNumbers(atMost limit: Int) -> [ExactDecimal]? {
    if let values { return values.count <= limit ? values.filter(contains) : nil }
    guard units.contains(ExactDecimal(1)), let least = least?.value.wholePart, let most = most?.value.wholePart,
      least <= most, most - least <= limit
    else { return nil }
    return (least...most).map { ExactDecimal($0) }.filter(contains)
  }
}

extension ExactDecimal {
  /// The number in JSON.
  fileprivate var text: String {
    let digits = digits.isEmpty ? "0" : digits.map { String($0) }.joined()
    return (isNegative ? "-" : "") + digits + (exponent == 0 ? "" : "e\(exponent)")
  }

  /// The whole number next to this one towards zero, of one that is small enough.
  fileprivate var wholePart: Int? {
    guard digits.count + exponent <= 9, exponent <= 9, exponent >= -100 else { return nil }
    var value = 0
    for (index, digit) in digits.enumerated() where index < digits.count + exponent { value = value * 10 + Int(digit) }
    for _ in 0..<max(exponent, 0) { value *= 10 }
    return isNegative ? -value : value
  }
}
