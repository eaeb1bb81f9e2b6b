/// The characters between the double quotes of a string in JSON, whose value is a text of another machine. Python reads
/// them alike.
///
/// Of several ways to write a character there are two: itself, and one escape where it has a short one or needs one.
struct QuotedText: TranscodedMachine {
  struct Place: Hashable {
    /// The state in the value.
    var text: Int32
    /// The bytes of an escape so far.
    var seen: UInt8 = 0
    /// The first of the two digits that count of an escape by number.
    var high: UInt8 = 0
  }

  private var value: any ByteMachine
  var states: TranscodedStates<Place>

  /// - Parameter value: A machine of the string's value, in UTF-8.
  init(_ value: any ByteMachine) {
    self.value = value
    states = TranscodedStates(start: Place(text: value.start))
  }

  var isInnerFull: Bool { value.isFull }
  var isInnerHalfFull: Bool { value.isHalfFull }
  mutating func renewWork() { value.renewWork() }

  mutating func isAccepting(_ state: Int32) -> Bool {
    state != 0 && states[state].seen == 0 && value.isAccepting(states[state].text)
  }

  private static let backslash = UInt8(ascii: "\\")
  /// The bytes that short escapes have behind the backslash, and those that they stand for.
  private static let short: [(escape: UInt8, byte: UInt8)] = [
    (UInt8(ascii: "\""), UInt8(ascii: "\"")), (backslash, backslash), (UInt8(ascii: "b"), 8), (UInt8(ascii: "f"), 12),
    (UInt8(ascii: "n"), 10), (UInt8(ascii: "r"), 13), (UInt8(ascii: "t"), 9),
  ]

  mutating func advance(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    switch (place.seen, byte) {
    case (0, Self.backslash):
      guard Self.short.contains(where: { follows(place, $0.byte) }) || hasControl(place, 0..<0x20) else { return nil }
      place.seen = 1
    case (0, 0x20...) where byte != UInt8(ascii: "\""): return behind(place, byte)
    case (1, UInt8(ascii: "u")):
      guard hasControl(place, 0..<0x20) else { return nil }
      place.seen = 2
    case (1, _):
      guard let short = Self.short.first(where: { $0.escape == byte }) else { return nil }
      return behind(place, short.byte)
    case (2, UInt8(ascii: "0")), (3, UInt8(ascii: "0")): place.seen += 1
    case (4, UInt8(ascii: "0")), (4, UInt8(ascii: "1")):
      place.high = (byte - UInt8(ascii: "0")) << 4
      guard hasControl(place, place.high..<place.high + 16) else { return nil }
      place.seen = 5
    case (5, _):
      guard let low = UInt8(String(UnicodeScalar(byte)), radix: 16) else { return nil }
      return behind(place, place.high + low)
    default: return nil
    }
    return place
  }

  /// The place behind a byte of the value.
  private mutating func behind(_ place: Place, _ byte: UInt8) -> Place? {
    let state = value.next(place.text, byte)
    return state == 0 ? nil : Place(text: state)
  }

  private mutating func follows(_ place: Place, _ byte: UInt8) -> Bool { value.next(place.text, byte) != 0 }

  /// `true` where one of some control characters may follow.
  private mutating func hasControl(_ place: Place, _ bytes: Range<UInt8>) -> Bool {
    bytes.contains { follows(place, $0) }
  }
}
