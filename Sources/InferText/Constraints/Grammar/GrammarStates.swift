/// The states of a ``GrammarMachine`` that were found, each stored once, and what can be done in them.
struct GrammarStates {
  /// A rule under way, at a position or in a terminal before it.
  struct Item: Hashable, Comparable {
    /// The terminal: -1 for none, 0 for a language, and one more than its index for a machine.
    var terminal: Int32 = -1
    /// The state in the terminal.
    var inner: Int32 = 0
    /// The position, or that behind the terminal.
    let position: Int32
    /// The number of the call that the rule returns to; 0 for that of the whole text.
    let call: Int32

    static func < (a: Item, b: Item) -> Bool {
      (a.position, a.call, a.terminal, a.inner) < (b.position, b.call, b.terminal, b.inner)
    }
  }

  /// A rule that was begun in a state, for all items of it that wait for one.
  struct Call: Hashable {
    let state: Int32
    let rule: Int32
  }

  /// All that follows from the items of a state without a byte.
  struct Closure {
    /// Items in terminals.
    var terminals: [Item] = []
    /// Where items that wait for a rule go on behind it.
    var waiting: [Int32: [Item]] = [:]
    var isAccepting = false
  }

  /// Items by state. State 0 has none.
  private(set) var items = InternTable<[Item]>()
  var closures: [Closure?] = [Closure()]
  var transitions = Transitions()
  private(set) var calls = InternTable<Call>()
  /// The number of items of all states and closures.
  var size = 0

  init() {
    _ = items.insert([])
    _ = calls.insert(Call(state: 0, rule: -1))
    transitions.addState()
  }

  mutating func state(of found: Set<Item>) -> Int32 {
    let sorted = found.sorted()
    let (isNew, state) = items.insert(sorted)
    if isNew {
      closures.append(nil)
      transitions.addState()
      size += sorted.count
    }
    return Int32(state)
  }

  mutating func number(of call: Call) -> Int32 {
    Int32(calls.insert(call).number)
  }
}
