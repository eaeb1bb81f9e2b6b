// Requirements by number, and what they are for values of each kind.
extension JSONMachine {
  mutating func number(of requirement: Requirement) -> Int {
    if let known = requirementNumbers[requirement] { return known }
    requirements.append(requirement)
    kindRequirements.append(contentsOf: repeatElement(nil, count: JSONKinds.each.count))
    requirementNumbers[requirement] = requirements.count - 1
    return requirements.count - 1
  }

  mutating func number(ofNames names: NameTrie.Names) -> Int {
    if let known = nameSetNumbers[names] { return known }
    nameSets.append(names)
    nameSetNumbers[names] = nameSets.count - 1
    return nameSets.count - 1
  }

  mutating func formula(of schema: Int) -> Formula {
    // All were made when the schema was read.
    do { return try compiler.formula(of: schema) } catch { preconditionFailure("schema \(schema): \(error)") }
  }

  func isTold(_ requirement: Int) -> Bool { requirements[requirement].isTold }

  /// A requirement for values of one kind.
  mutating func requirement(_ number: Int, of kind: JSONKinds) -> KindRequirement {
    let place = number * JSONKinds.each.count + kind.rawValue.trailingZeroBitCount
    if let known = kindRequirements[place] { return known }
    let requirement = requirements[number]
    var outcomes: [Formula] = []
    for schema in requirement.schemas {
      let formula = formula(of: schema)
      outcomes.append(compiler.pool.restricted(formula, to: kind))
    }
    let goal = compiler.pool.replacing(requirement.goal) { leaf in
      if case .outcome(let index) = leaf { outcomes[index] } else { nil }
    }
    let result = describe(compiler.pool.restricted(goal, to: kind), outcomes)
    kindRequirements[place] = result
    return result
  }

  mutating func describe(_ goal: Formula, _ outcomes: [Formula]) -> KindRequirement {
    var (memberRules, elementRules, contains) = ([Int](), [Int](), [SchemaLeaf]())
    var (isUnique, isCounted, counts) = (false, false, 0...Int.max)
    var (names, known) = ([JSONName](), Set<JSONName>())
    var (patterns, seen) = ([Expression](), Set<Expression>())
    func add(_ name: JSONName) { if known.insert(name).inserted { names.append(name) } }
    func add(_ pattern: Expression) { if seen.insert(pattern).inserted { patterns.append(pattern) } }
    let formulas = outcomes == [goal] ? [goal] : [goal] + outcomes
    let isInteger = [NumberRule.integers, .plainIntegers].contains { rule in
      let whole = compiler.pool.leaf(.number(rule))
      return formulas.allSatisfy { $0 == whole || $0 == .always }
    }
    for formula in formulas {
      compiler.pool.forEachLeaf(of: formula) { leaf in
        switch leaf {
        case .members(let rule): if !memberRules.contains(rule) { memberRules.append(rule) }
        case .elements(let rule): if !elementRules.contains(rule) { elementRules.append(rule) }
        case .contains: if !contains.contains(leaf) { contains.append(leaf) }
        case .uniqueElements: isUnique = true
        case .memberCount(let range), .elementCount(let range):
          isCounted = true
          counts = range
        case .memberNames(let names): add(names)
        default: break
        }
      }
    }
    for rule in memberRules {
      for named in compiler.memberRules[rule].named { add(named.name) }
      for pattern in compiler.memberRules[rule].patterns { add(pattern.names) }
    }
    let orderedCount = names.count
    for formula in formulas {
      compiler.pool.forEachLeaf(of: formula) { if case .member(let name) = $0 { add(name) } }
    }
    return KindRequirement(
      goal: goal, outcomes: outcomes, memberRules: memberRules, elementRules: elementRules, contains: contains,
      isUnique: isUnique, isCounted: isCounted, counts: counts, isInteger: isInteger,
      names: names, orderedCount: orderedCount, patterns: patterns,
      required: formulas.count == 1 ? required(by: goal) : nil)
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

  // MARK: The ends of values
}
