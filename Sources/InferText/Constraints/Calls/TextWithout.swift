/// The texts of a machine in which another text does not occur.
struct TextWithout: ByteMachine {
  private struct Place: Hashable {
    let text: Int32
    let rest: Expression
  }

  private var machine: any ByteMachine
  private var automaton = ByteAutomaton()
  private var states: TranscodedStates<Place>

  init(_ machine: any ByteMachine, _ mark: [UInt8]) {
    self.machine = machine
    let found = automaton.pool.sequence(.everything, automaton.pool.sequence(automaton.pool.text(mark), .everything))
    states = TranscodedStates(start: Place(text: machine.start, rest: automaton.pool.complement(found)))
  }

  var start: Int32 { TranscodedStates<Place>.start }
  var isFull: Bool { states.isFull || machine.isFull }
  var isHalfFull: Bool { states.isHalfFull || machine.isHalfFull }

  func isBetweenParts(_ state: Int32) -> Bool { false }

  mutating func isAccepting(_ state: Int32) -> Bool { state != 0 && machine.isAccepting(states[state].text) }

  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 {
    if let known = states.transitions[state, byte] { return known }
    var place: Place?
    if state != 0, !isFull {
      let here = states[state]
      let (text, rest) = (machine.next(here.text, byte), automaton.next(here.rest, byte))
      if text != 0, rest != .nothing { place = Place(text: text, rest: rest) }
    }
    let result = states.state(of: place)
    states.transitions[state, byte] = result
    return result
  }
}
