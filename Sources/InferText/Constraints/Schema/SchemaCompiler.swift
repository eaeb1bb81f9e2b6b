import OrderedCollections

/// Reads JSON Schemas (draft 2020-12, and what older drafts call otherwise) into formulas.
///
/// Every schema has a number. Its formula is made when it is first asked for, so that schemas may refer to themselves
/// through members and elements. Keywords that are annotations are passed over; those that cannot be held are errors.
struct SchemaCompiler {
  /// A schema and where it stands, or the numbers of some of which any is enough.
  private struct Source {
    let value: JSONValue
    let path: String
    var alternatives: [Int] = []
  }

  /// The number of the schema that everything is valid against, and of that which nothing is.
  static let anything = 0
  static let nothing = 1

  let root: JSONValue
  private var sources: [Source] = []
  private var numbers: TextDictionary<Int> = [:]
  private var unions: [[Int]: Int] = [:]
  private var formulas: [Formula?] = []
  /// The first schema of each formula.
  private var first: [Formula: Int] = [:]
  /// The evaluations of schemas that were asked for so far, by the schemas' numbers.
  var knownEvaluations: [Int: SchemaEvaluations] = [:]
  /// The schemas that have identifiers, by their places; and the first of those places by their identifiers.
  var resources: TextDictionary<Resource> = [:]
  var documents: TextDictionary<String> = [:]
  /// The schemas that anchors name, by the identifiers of their resources with the anchors as fragments.
  var anchors: TextDictionary<Int> = [:]
  /// Schemas whose formulas are being made.
  private var underWay: Set<Int> = []
  private(set) var memberRules: [MemberRule] = []
  private(set) var elementRules: [ElementRule] = []
  private var memberRuleNumbers: [MemberRule: Int] = [:]
  private var elementRuleNumbers: [ElementRule: Int] = [:]
  var pool = FormulaPool()
  var automaton: ByteAutomaton
  /// The strings among the schema's constants.
  var constants: Set<[UInt8]> = []

  /// The number of the schema itself.
  let main: Int

  /// - Throws: ``SchemaError`` when a part of the schema that can be reached cannot be held.
  init(_ schema: JSONValue, limit: Int = Constraint.stateLimit) throws(SchemaError) {
    root = schema
    automaton = ByteAutomaton(limit: limit)
    sources = [Source(value: true, path: ""), Source(value: false, path: "")]
    formulas = [.always, .never]
    main = 2
    sources.append(Source(value: schema, path: ""))
    formulas.append(nil)
    numbers[""] = 2
    try collectResources()
    var next = 0
    while next < sources.count {
      let formula = try formula(of: next)
      if first[formula] == nil { first[formula] = next }
      next += 1
    }
  }

  // MARK: Schemas by number

  mutating func number(of value: JSONValue, _ path: String) -> Int {
    if case .bool(let isAnything) = value { return isAnything ? Self.anything : Self.nothing }
    if let members = value.object, members.isEmpty { return Self.anything }
    if let known = numbers[path] { return known }
    sources.append(Source(value: value, path: path))
    formulas.append(nil)
    numbers[path] = sources.count - 1
    return sources.count - 1
  }

  /// The number of a schema that says that a value is valid against any of some.
  mutating func number(ofAny schemas: [Int]) -> Int {
    if schemas.contains(Self.anything) { return Self.anything }
    let schemas = Set(schemas).subtracting([Self.nothing]).sorted()
    if schemas.count < 2 { return schemas.first ?? Self.nothing }
    if let known = unions[schemas] { return known }
    sources.append(Source(value: .null, path: sources[schemas[0]].path, alternatives: schemas))
    formulas.append(nil)
    unions[schemas] = sources.count - 1
    return sources.count - 1
  }

  /// The first schema that says the same as another one.
  func canonical(_ schema: Int) -> Int { formulas[schema].flatMap { first[$0] } ?? schema }

  /// A schema, and where it stands.
  func source(of schema: Int) -> (value: JSONValue, path: String) { (sources[schema].value, sources[schema].path) }

  /// The formula of a schema.
  mutating func formula(of schema: Int) throws(SchemaError) -> Formula {
    if let formula = formulas[schema] { return formula }
    let source = sources[schema]
    guard underWay.insert(schema).inserted else {
      throw SchemaError(path: source.path, reason: "the schema refers to itself, and to nothing else")
    }
    guard underWay.count <= 200 else { throw SchemaError(path: source.path, reason: "schemas in each other too deep") }
    defer { underWay.remove(schema) }
    let formula: Formula
    if source.alternatives.isEmpty {
      formula = try makeFormula(source.value, source.path)
    } else {
      var ways: [Formula] = []
      for alternative in source.alternatives { ways.append(try self.formula(of: alternative)) }
      formula = pool.any(ways)
    }
    formulas[schema] = formula
    return formula
  }

  mutating func formula(of value: JSONValue, _ path: String) throws(SchemaError) -> Formula {
    try formula(of: number(of: value, path))
  }

  mutating func rule(_ rule: MemberRule) -> Formula {
    if rule.named.allSatisfy({ $0.value == Self.anything }), rule.patterns.allSatisfy({ $0.schema == Self.anything }),
      rule.others == Self.anything
    {
      return .always
    }
    let number = memberRuleNumbers[rule] ?? memberRules.count
    if number == memberRules.count {
      memberRules.append(rule)
      memberRuleNumbers[rule] = number
    }
    return pool.leaf(.members(number))
  }

  mutating func rule(_ rule: ElementRule) -> Formula {
    if rule.first.allSatisfy({ $0 == Self.anything }), rule.others == Self.anything { return .always }
    let number = elementRuleNumbers[rule] ?? elementRules.count
    if number == elementRules.count {
      elementRules.append(rule)
      elementRuleNumbers[rule] = number
    }
    return pool.leaf(.elements(number))
  }

  // MARK: Keywords

  private mutating func makeFormula(_ value: JSONValue, _ path: String) throws(SchemaError) -> Formula {
    if let isAnything = value.bool { return isAnything ? .always : .never }
    guard let schema = value.object else {
      throw SchemaError(path: path, reason: "a schema is an object or a boolean, not \(value.kind)")
    }
    let draft = draft(at: path)
    try SchemaKeywords.check(schema, draft, path)
    var parts: [Formula] = []
    if let reference = schema["$ref"]?.string {
      let target = try formula(of: target(of: reference, path))
      if draft.isBefore2019 { return target }
      parts.append(target)
    }
    parts.append(try types(schema, path))
    if let values = schema["enum"]?.array {
      parts.append(try oneOf(values.enumerated().map { ($1, "\(path)/enum/\($0)") }))
    }
    if let value = schema["const"] { parts.append(try oneOf([(value, path + "/const")])) }
    parts.append(try numbers(schema, path))
    parts.append(try strings(schema, path))
    parts.append(try arrays(schema, path))
    parts.append(try objects(schema, path))
    parts.append(try combinations(schema, path))
    if !draft.isBefore2019 {
      parts.append(try unevaluatedItems(schema, path))
      parts.append(try unevaluatedProperties(schema, path))
    }
    return pool.all(parts)
  }

  private mutating func combinations(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    var parts: [Formula] = []
    for keyword in ["allOf", "anyOf", "oneOf"] {
      guard let value = schema[keyword] else { continue }
      guard let values = value.array, !values.isEmpty else {
        let found = value.array == nil ? value.kind : "an empty one"
        throw SchemaError(path: path, reason: "\(keyword) must be an array of schemas, not \(found)")
      }
      var formulas: [Formula] = []
      for (index, value) in values.enumerated() {
        formulas.append(try formula(of: value, "\(path)/\(keyword)/\(index)"))
      }
      switch keyword {
      case "allOf": parts.append(pool.all(formulas))
      case "anyOf": parts.append(pool.any(formulas))
      default: parts.append(pool.exactlyOne(formulas))
      }
    }
    if let value = schema["not"] { parts.append(pool.not(try formula(of: value, path + "/not"))) }
    if let value = schema["if"] {
      let condition = try formula(of: value, path + "/if")
      let then =
        try schema["then"].map { value throws(SchemaError) in try formula(of: value, path + "/then") } ?? .always
      let otherwise =
        try schema["else"].map { value throws(SchemaError) in try formula(of: value, path + "/else") } ?? .always
      parts.append(pool.any([pool.not(condition), then]))
      parts.append(pool.any([condition, otherwise]))
    }
    return pool.all(parts)
  }
}
