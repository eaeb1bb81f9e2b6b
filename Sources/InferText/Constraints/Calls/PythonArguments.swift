/// The arguments of a call as Python writes them, `city="Paris", days=[1, 2]`, valid against a schema.
///
/// The text is followed as the JSON object that it stands for. Strings have the escapes that Python and JSON share, and those
/// by number for control characters alone.
struct PythonArguments: TranscodedObject {
  struct Place: Hashable {
    var step: Step
    /// The state in the object.
    var json: Int32
    /// The brackets that are open in the value.
    var depth: UInt8 = 0
    /// The mark with which the string under way ends.
    var quote: UInt8 = 0
    /// The constant under way, and the bytes of it, or the digits of an escape, that were there.
    var word: UInt8 = 0, seen: UInt8 = 0
    /// The first of the two digits that count of an escape by number.
    var high: UInt8 = 0
  }

  enum Step: UInt8 {
    case start, behindComma, name, value, string, escape, digits, word
  }

  private static let words: [(python: [UInt8], json: [UInt8])] = [
    ("True", "true"), ("False", "false"), ("None", "null"),
  ]
  .map { (Array($0.utf8), Array($1.utf8)) }
  private static let maxDepth: UInt8 = 100

  var object: JSONMachine
  var states: TranscodedStates<Place>

  /// - Parameter object: A machine of the object that the arguments are.
  init(_ object: JSONMachine) {
    var object = object
    states = TranscodedStates(start: Place(step: .start, json: object.next(object.start, UInt8(ascii: "{"))))
    self.object = object
  }

  mutating func isAccepting(_ state: Int32) -> Bool {
    guard state != 0 else { return false }
    let place = states[state]
    return (place.step == .start || place.step == .value && place.depth == 0) && object.mayEndObject(place.json)
  }

  mutating func advance(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    switch place.step {
    case .start, .behindComma:
      if byte == UInt8(ascii: " "), place.step == .behindComma, place.seen == 0 {
        place.seen = 1
        return place
      }
      guard byte.isNameStart else { return nil }
      place.json = object.next(place.json, UInt8(ascii: "\""))
      (place.step, place.seen) = (.name, 0)
      return advance(place, byte)
    case .name:
      if byte == UInt8(ascii: "=") {
        place.json = object.next(place.json, "\":".utf8)
        place.step = .value
      } else {
        guard byte.isNameStart || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        place.json = object.next(place.json, byte)
      }
    case .value: return advanceValue(place, byte)
    case .string: advanceString(&place, byte)
    case .escape where byte == UInt8(ascii: "u"):
      guard hasControl(place.json, 0..<0x20) else { return nil }
      (place.step, place.seen) = (.digits, 0)
    case .escape:
      place.json = escaped(byte, place.json)
      place.step = .string
    case .digits: return advanceDigits(place, byte)
    case .word:
      let word = Self.words[Int(place.word)]
      guard word.python[Int(place.seen)] == byte else { return nil }
      place.json = object.next(place.json, word.json[Int(place.seen)])
      place.seen += 1
      if Int(place.seen) == word.python.count { (place.step, place.word, place.seen) = (.value, 0, 0) }
    }
    return place.json == 0 ? nil : place
  }

  private mutating func advanceValue(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      (place.step, place.quote) = (.string, byte)
      place.json = object.next(place.json, UInt8(ascii: "\""))
      return place.json == 0 ? nil : place
    case UInt8(ascii: ",") where place.depth == 0:
      guard !object.isBeforeValue(place.json) else { return nil }
      place.step = .behindComma
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      guard place.depth < Self.maxDepth else { return nil }
      place.depth += 1
    case UInt8(ascii: "]"), UInt8(ascii: "}"):
      guard place.depth > 0 else { return nil }
      place.depth -= 1
    // White space only within brackets, one space at a time behind what separates.
    case UInt8(ascii: " "):
      guard place.depth > 0, place.seen == 0 else { return nil }
      place.seen = 1
      return place
    case 0..<0x20: return nil
    default:
      if let word = Self.words.firstIndex(where: { $0.python[0] == byte }) {
        (place.step, place.word) = (.word, UInt8(word))
        place.seen = 0
        return advance(place, byte)
      }
    }
    place.seen = 0
    place.json = object.next(place.json, byte)
    return place.json == 0 ? nil : place
  }

  /// The characters that may stand behind a backslash, in Python and, but for one, in JSON.
  private static let escapes = Array("\"'\\nrtbf".utf8)

  /// The state behind an escaped character of a string.
  private mutating func escaped(_ byte: UInt8, _ json: Int32) -> Int32 {
    guard Self.escapes.contains(byte) else { return 0 }
    return byte == UInt8(ascii: "'") ? object.next(json, byte) : object.next(json, [UInt8(ascii: "\\"), byte])
  }

  /// `true` where one of some control characters may follow in a string.
  private mutating func hasControl(_ json: Int32, _ bytes: Range<UInt8>) -> Bool {
    bytes.contains { object.next(json, inString: $0) != 0 }
  }

  /// Reads a digit of the escape of a control character, `\u0000` to `\u001f`.
  private mutating func advanceDigits(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    switch (place.seen, byte) {
    case (0, UInt8(ascii: "0")), (1, UInt8(ascii: "0")): place.seen += 1
    case (2, UInt8(ascii: "0")), (2, UInt8(ascii: "1")):
      place.high = (byte - UInt8(ascii: "0")) << 4
      guard hasControl(place.json, place.high..<place.high + 16) else { return nil }
      place.seen = 3
    case (3, _):
      guard let low = UInt8(String(UnicodeScalar(byte)), radix: 16) else { return nil }
      place.json = object.next(place.json, inString: place.high + low)
      (place.step, place.seen, place.high) = (.string, 0, 0)
      return place.json == 0 ? nil : place
    default: return nil
    }
    return place
  }

  private mutating func advanceString(_ place: inout Place, _ byte: UInt8) {
    switch byte {
    case place.quote:
      (place.step, place.quote) = (.value, 0)
      place.json = object.next(place.json, UInt8(ascii: "\""))
    case UInt8(ascii: "\\"):
      place.step = .escape
      let mayFollow = Self.escapes.contains { escaped($0, place.json) != 0 } || hasControl(place.json, 0..<0x20)
      if !mayFollow { place.json = 0 }
    case 0..<0x20: place.json = 0
    default: place.json = object.next(place.json, inString: byte)
    }
  }
}

extension UInt8 {
  /// A letter of ASCII or an underscore.
  fileprivate var isNameStart: Bool {
    self == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }
}
