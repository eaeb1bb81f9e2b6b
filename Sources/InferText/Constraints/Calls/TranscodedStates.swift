/// A machine of texts in a form of their own, which are followed in another machine.
protocol TranscodedMachine: ByteMachine {
  associatedtype Place: Hashable

  /// `true` once the other machine has more states than it may have.
  var isInnerFull: Bool { get }
  /// `true` once it has half as many.
  var isInnerHalfFull: Bool { get }
  var states: TranscodedStates<Place> { get set }

  /// The place behind a byte; `nil` where it may not follow.
  mutating func advance(_ place: Place, _ byte: UInt8) -> Place?
}

/// A machine of arguments, which are followed as the members of a JSON object.
protocol TranscodedObject: TranscodedMachine {
  /// The machine of the object.
  var object: JSONMachine { get set }
}

extension TranscodedObject {
  var isInnerFull: Bool { object.isFull }
  var isInnerHalfFull: Bool { object.isHalfFull }
  mutating func renewWork() { object.renewWork() }
}

extension TranscodedMachine {
  var start: Int32 { TranscodedStates<Place>.start }
  var isFull: Bool { states.isFull || isInnerFull }
  var isHalfFull: Bool { states.isHalfFull || isInnerHalfFull }

  func isBetweenParts(_ state: Int32) -> Bool { false }

  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 {
    if let known = states.transitions[state, byte] { return known }
    let result = isFull || state == 0 ? 0 : states.state(of: advance(states[state], byte))
    states.transitions[state, byte] = result
    return result
  }
}

/// The states of a ``TranscodedMachine``, each stored once, and the ways between them.
struct TranscodedStates<Place: Hashable> {
  /// Places by state, one less than its number, since state 0 has none.
  private var places = InternTable<Place>()
  var transitions = Transitions()

  static var start: Int32 { 1 }
  private static var maxCount: Int { Constraint.stateLimit }

  /// - Parameter place: The place of the first state.
  init(start place: Place) {
    transitions.addState()
    _ = state(of: place)
  }

  var isFull: Bool { places.count > Self.maxCount }
  var isHalfFull: Bool { places.count > Self.maxCount / 2 }

  subscript(state: Int32) -> Place { places[Int(state) - 1] }

  /// The state of a place; 0 for none.
  mutating func state(of place: Place?) -> Int32 {
    guard let place else { return 0 }
    let (isNew, number) = places.insert(place)
    if isNew { transitions.addState() }
    return Int32(number) + 1
  }
}

extension JSONMachine {
  /// The state behind some bytes; 0 when they may not follow.
  mutating func next(_ state: Int32, _ bytes: some Sequence<UInt8>) -> Int32 {
    var state = state
    for byte in bytes where state != 0 { state = next(state, byte) }
    return state
  }

  /// The state behind a byte of a string's text, which JSON may have to escape.
  mutating func next(_ state: Int32, inString byte: UInt8) -> Int32 {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): next(state, [UInt8(ascii: "\\"), byte])
    case 0..<0x20: next(state, "\\u00\(byte < 16 ? "0" : "1")\(String(byte & 15, radix: 16))".utf8)
    default: next(state, byte)
    }
  }

  /// `true` before a value.
  func isBeforeValue(_ state: Int32) -> Bool {
    if case .value = states[state] { state != Self.dead } else { false }
  }

  /// `true` when a value, or an object without members, may end in a state of an object.
  mutating func mayEndObject(_ state: Int32) -> Bool {
    let behind = next(state, UInt8(ascii: "}"))
    return behind != 0 && isAccepting(behind)
  }

  /// `true` before a value of the outermost object.
  func isBeforeMemberValue(_ state: Int32) -> Bool {
    guard case .value(_, let parent) = states[state], case .object(_, Self.dead) = states[parent] else { return false }
    return true
  }

  /// `true` in a state in which a value of the outermost object has ended, or may.
  mutating func mayEndValue(_ state: Int32) -> Bool {
    switch states[state] {
    case .object(let frame, Self.dead): frame.place == .behindValue
    case .number(_, let parent):
      if case .object(_, Self.dead) = states[parent] {
        next(state, UInt8(ascii: ",")) != 0 || next(state, UInt8(ascii: "}")) != 0
      } else {
        false
      }
    default: false
    }
  }

  /// The state behind a byte of a value of the outermost object; 0 for one that would lead out of the value.
  mutating func next(_ state: Int32, inValue byte: UInt8) -> Int32 {
    let isOver = mayEndValue(state) && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}"))
    return isOver ? 0 : next(state, byte)
  }
}
