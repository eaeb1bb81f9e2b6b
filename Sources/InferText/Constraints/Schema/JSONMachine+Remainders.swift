/// The requirements that remain of others behind some members.
struct Remainders {
  /// The truths of a requirement's leaves.
  fileprivate struct Knowledge: Hashable {
    let requirement: Int
    let truths: [Truth]
  }

  /// Open statements about an object, whose table of names tells them from those about others.
  fileprivate struct Statements: Hashable {
    let goal: Formula
    let outcomes: [Formula]
    let names: ObjectIdentifier
  }

  fileprivate var behind: [Knowledge: Int] = [:]
  /// The same may be open behind members in different orders.
  fileprivate var numbers: [Statements: Int] = [:]
}

// Behind each member, statements that are decided go out of those about the object: of alternatives, those that the member broke.
// One that is left alone is a conjunction, whose members do not depend on each other.
extension JSONMachine {
  /// A frame behind a member, of whose requirement only what is open is left.
  mutating func remainder(of frame: ObjectFrame) -> ObjectFrame {
    let requirement = requirement(frame.requirement, of: .object)
    guard !requirement.isConjunction else { return frame }
    let statements = statements(of: requirement)
    work.take(statements.table.count)
    let truths = statements.truths(in: frame, isEnd: false)
    guard truths.contains(where: { $0 != .unknown }) else { return frame }
    let knowledge = Remainders.Knowledge(requirement: frame.requirement, truths: truths)
    let number = remainders.behind[knowledge] ?? makeRemainder(frame.requirement, statements.table, truths)
    remainders.behind[knowledge] = number
    var frame = frame
    (frame.requirement, frame.broken, frame.brokenNames) = (number, [], [])
    return frame
  }

  private mutating func makeRemainder(_ number: Int, _ table: FormulaTable, _ truths: [Truth]) -> Int {
    let requirement = requirement(number, of: .object)
    let nodeTruths = table.truths(truths)
    let open = table.roots.map { table.remainder(of: $0, nodeTruths, &compiler.pool) }
    let (goal, outcomes) = (open[0], Array(open.dropFirst()))
    let statements = Remainders.Statements(goal: goal, outcomes: outcomes, names: ObjectIdentifier(requirement.table))
    if let known = remainders.numbers[statements] { return known }
    let rest = describe(goal, outcomes, requirement.table)
    // It stands beside the other requirements without being one of a value's own.
    requirements.append(requirements[number])
    kindRequirements.append(contentsOf: repeatElement(nil, count: JSONKinds.each.count))
    kindRequirements[place(of: requirements.count - 1, .object)] = rest
    remainders.numbers[statements] = requirements.count - 1
    return requirements.count - 1
  }
}
