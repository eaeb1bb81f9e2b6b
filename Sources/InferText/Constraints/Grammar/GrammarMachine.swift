/// An automaton over the texts of a grammar, whatever its rules: recursive on either side, empty, or ambiguous.
///
/// It follows all ways of reading a text at once, as Earley's algorithm does (CACM 13(2), 1970), over rules that are finite
/// automata. A state is what rules are under way, and for each of them the state in which it was begun, so that states are
/// stacks that share what is below them, and equal ones are one. A rule whose last part is another one gives its place up
/// for that, so that lists that recur at their end take no stack.
struct GrammarMachine: ByteMachine {
  private typealias Item = GrammarStates.Item

  private var grammar: Grammar
  private let tables: GrammarTables
  private var work = WorkMeter()
  private var states = GrammarStates()
  /// Tails of tokens that may stand behind the end of a string, by the state there.
  private var tails: [Int32: TokenMask] = [:]
  let start: Int32

  private static let maxStates = Constraint.stateLimit
  private static let maxSize = 1 << 21

  /// - Throws: ``GrammarError`` where the grammar is too large, or no text can be made from it.
  init(_ grammar: Grammar) throws(GrammarError) {
    var grammar = grammar
    tables = try GrammarTables(&grammar)
    self.grammar = grammar
    start = states.state(of: [Item(position: tables.starts[grammar.start], call: 0)])
  }

  var isFull: Bool {
    states.items.count > Self.maxStates || states.size > Self.maxSize || work.isSpent || grammar.automaton.pool.isFull
      || grammar.machines.contains(where: \.isFull)
  }

  mutating func renewWork() {
    work.renew()
    grammar.automaton.pool.work.renew()
    for machine in grammar.machines.indices { grammar.machines[machine].renewWork() }
  }

  var isHalfFull: Bool {
    states.items.count > Self.maxStates / 2 || states.size > Self.maxSize / 2 || grammar.automaton.pool.isHalfFull
      || work.isSpent || grammar.machines.contains(where: \.isHalfFull)
  }

  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 {
    if let known = states.transitions[state, byte] { return known }
    let result = isFull || state == 0 ? 0 : compute(state, byte)
    states.transitions[state, byte] = result
    return result
  }

  mutating func isAccepting(_ state: Int32) -> Bool { closure(of: state).isAccepting }

  func isBetweenParts(_ state: Int32) -> Bool {
    guard let closure = states.closures[Int(state)] else {
      return states.items[Int(state)].allSatisfy(isBetweenParts) && state != 0
    }
    return !closure.terminals.isEmpty && closure.terminals.allSatisfy(isBetweenParts)
  }

  private func isBetweenParts(_ item: Item) -> Bool {
    item.terminal > 0 && grammar.machines[Int(item.terminal) - 1].isBetweenParts(item.inner)
  }

  private mutating func compute(_ state: Int32, _ byte: UInt8) -> Int32 {
    var found: Set<Item> = []
    let terminals = closure(of: state).terminals
    work.take((1 + terminals.count) * WorkMeter.expression)
    for var item in terminals {
      let isOver: Bool
      if item.terminal == 0 {
        item.inner = grammar.automaton.next(item.inner, byte)
        isOver = grammar.automaton.isAccepting(Expression(number: item.inner))
      } else {
        let machine = Int(item.terminal) - 1
        item.inner = grammar.machines[machine].next(item.inner, byte)
        isOver = item.inner != 0 && grammar.machines[machine].isAccepting(item.inner)
      }
      guard item.inner != 0 else { continue }
      if isOver { found.insert(Item(position: item.position, call: item.call)) }
      if item.terminal > 0 || Expression(number: item.inner) != .emptyString { found.insert(item) }
    }
    return found.isEmpty ? 0 : states.state(of: found)
  }

  // MARK: Rules

  private mutating func closure(of state: Int32) -> GrammarStates.Closure {
    if let known = states.closures[Int(state)] { return known }
    let result = makeClosure(of: state)
    states.closures[Int(state)] = result
    states.size += result.terminals.count + result.waiting.values.reduce(0) { $0 + $1.count }
    return result
  }

  private mutating func makeClosure(of state: Int32) -> GrammarStates.Closure {
    var closure = GrammarStates.Closure()
    var pending = states.items[Int(state)]
    var seen = Set(pending)
    func add(_ item: Item) {
      if seen.insert(item).inserted { pending.append(item) }
    }
    while let item = pending.popLast() {
      if work.isSpent { break }
      work.take((1 + tables.edges[Int(item.position)].count) * WorkMeter.expression)
      guard item.terminal < 0 else {
        closure.terminals.append(item)
        continue
      }
      if tables.isFinal[Int(item.position)] {
        let call = states.calls[Int(item.call)]
        if item.call == 0 {
          closure.isAccepting = true
        } else if call.state != state {
          // Items that wait for an empty rule go on where they begin it.
          self.closure(of: call.state).waiting[call.rule]?.forEach(add)
        }
      }
      for edge in tables.edges[Int(item.position)] {
        switch edge {
        case .language(let expression, let next):
          add(Item(terminal: 0, inner: Int32(expression.number), position: next, call: item.call))
          if grammar.automaton.isAccepting(expression) { add(Item(position: next, call: item.call)) }
        case .machine(let machine, let next):
          let inner = grammar.machines[Int(machine)].start
          add(Item(terminal: machine + 1, inner: inner, position: next, call: item.call))
          if grammar.acceptsNothing[Int(machine)] { add(Item(position: next, call: item.call)) }
        case .rule(let rule, let next):
          let behind = Item(position: next, call: item.call)
          if tables.isNullable[Int(rule)] { add(behind) }
          var call = item.call
          // A rule behind which nothing is left returns to where this one does.
          if !tables.edges[Int(next)].isEmpty || !tables.isFinal[Int(next)] {
            call = states.number(of: GrammarStates.Call(state: state, rule: rule))
            closure.waiting[rule, default: []].append(behind)
          }
          add(Item(position: tables.starts[Int(rule)], call: call))
        }
      }
    }
    return closure
  }

  // MARK: Masks

  mutating func mask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask {
    let terminals = closure(of: state).terminals
    guard terminals.count == 1, terminals[0].terminal > 0,
      var mask = grammar.machines[Int(terminals[0].terminal) - 1].innerMask(of: terminals[0].inner, over: vocabulary)
    else { return walkedMask(of: state, over: vocabulary) }
    insertClosing(from: state, vocabulary, into: &mask) { machine, state in machine.tailMask(state, vocabulary) }
    return mask
  }

  private mutating func tailMask(_ state: Int32, _ vocabulary: MaskVocabulary) -> TokenMask {
    if let known = tails[state] { return known }
    let mask = walkedTails(behind: state, over: vocabulary)
    tails[state] = mask
    return mask
  }
}
