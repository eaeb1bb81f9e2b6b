import OrderedCollections

// Requirements by number, and what they are for values of each kind.
extension JSONMachine {
  mutating func number(of requirement: Requirement) -> Int {
    if let known = requirementNumbers[requirement] { return known }
    requirements.append(requirement)
    kindRequirements.append(contentsOf: repeatElement(nil, count: JSONKinds.each.count))
    requirementNumbers[requirement] = requirements.count - 1
    return requirements.count - 1
  }

  mutating func formula(of schema: Int) -> Formula {
    // All were made when the schema was read.
    do { return try compiler.formula(of: schema) } catch { preconditionFailure("schema \(schema): \(error)") }
  }

  func isTold(_ requirement: Int) -> Bool { requirements[requirement].isTold }

  /// The index in ``kindRequirements``.
  func place(of number: Int, _ kind: JSONKinds) -> Int {
    number * JSONKinds.each.count + kind.rawValue.trailingZeroBitCount
  }

  /// A requirement for values of one kind.
  mutating func requirement(_ number: Int, of kind: JSONKinds) -> KindRequirement {
    let place = place(of: number, kind)
    if let known = kindRequirements[place] { return known }
    let requirement = requirements[number]
    var outcomes: [Formula] = []
    for schema in requirement.schemas {
      let formula = formula(of: schema)
      outcomes.append(compiler.pool.restricted(formula, to: kind))
    }
    var goal = requirement.goal
    if !outcomes.isEmpty {
      goal = compiler.pool.replacing(goal) { if case .outcome(let index) = $0 { outcomes[index] } else { nil } }
    }
    let result = describe(compiler.pool.restricted(goal, to: kind), outcomes)
    kindRequirements[place] = result
    return result
  }

  /// The description of statements about values of a kind. One that remains of others has their table.
  mutating func describe(_ goal: Formula, _ outcomes: [Formula], _ table: NameTable? = nil) -> KindRequirement {
    var (memberRules, elementRules, contains) = ([Int](), [Int](), [SchemaLeaf]())
    var (isUnique, isCounted, counts) = (false, false, 0...Int.max)
    let isInteger = [NumberRule.integers, .plainIntegers].contains { rule in
      let whole = compiler.pool.leaf(.number(rule))
      return ([goal] + outcomes).allSatisfy { $0 == whole || $0 == .always }
    }
    let open = [goal] + outcomes.filter { ![goal, .always, .never].contains($0) }
    for formula in open {
      work.take(compiler.pool.size(of: formula))
      compiler.pool.forEachLeaf(of: formula) { leaf in
        switch leaf {
        case .members(let rule): if !memberRules.contains(rule) { memberRules.append(rule) }
        case .elements(let rule): if !elementRules.contains(rule) { elementRules.append(rule) }
        case .contains: if !contains.contains(leaf) { contains.append(leaf) }
        case .uniqueElements: isUnique = true
        case .memberCount(let range), .elementCount(let range):
          isCounted = true
          counts = range
        default: break
        }
      }
    }
    return KindRequirement(
      goal: goal, outcomes: outcomes, memberRules: memberRules, elementRules: elementRules, contains: contains,
      isUnique: isUnique, isCounted: isCounted, counts: counts, isInteger: isInteger,
      table: table ?? makeTable(open, memberRules), required: open.count == 1 ? required(by: goal) : nil)
  }

  private func makeTable(_ formulas: [Formula], _ memberRules: [Int]) -> NameTable {
    let order = NameOrder(memberRules.map { compiler.memberRules[$0].named.keys.elements })
    var (names, patterns) = (OrderedSet(order.ordered + order.free), OrderedSet<Expression>())
    for rule in memberRules { patterns.append(contentsOf: compiler.memberRules[rule].patterns.map(\.names)) }
    for formula in formulas {
      compiler.pool.forEachLeaf(of: formula) { leaf in
        switch leaf {
        case .member(let name): names.append(name)
        case .memberNames(let language): patterns.append(language)
        default: break
        }
      }
    }
    return NameTable(names.elements, order, patterns: patterns.elements)
  }

  /// The names that must be there, if a formula says no more than that and what the members are.
  func required(by goal: Formula) -> Set<JSONName>? {
    let parts = if case .all(let parts) = compiler.pool[goal] { parts } else { [goal] }
    var required: Set<JSONName> = []
    for part in parts {
      switch compiler.pool[part] {
      case .constant(true), .leaf(.members), .leaf(.memberNames), .leaf(.memberCount): break
      case .leaf(.elements), .leaf(.elementCount), .leaf(.contains), .leaf(.uniqueElements): break
      case .leaf(.member(let name)): required.insert(name)
      default: return nil
      }
    }
    return required
  }
}
