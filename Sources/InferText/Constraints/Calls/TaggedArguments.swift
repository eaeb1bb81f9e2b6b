/// The arguments of a call with a tag around each, as ``TaggedCallReader`` reads them, valid against a schema.
///
///     <parameter=city>
///     Paris
///     </parameter>
///
/// The text is followed as the JSON object that it stands for. A value whose schema admits strings is a string unless it
/// looks like another value that the schema admits; what it is shows at its end, so both are followed until then.
struct TaggedArguments: TranscodedObject {
  struct Place: Hashable {
    var step: Step
    /// The state in the object, in a value that is a string.
    var text: Int32
    /// The state in the object elsewhere.
    var json: Int32
    /// The bytes of a tag so far.
    var matched: UInt8 = 0
    /// The bytes of white space between tags.
    var spaces: UInt8 = 0
    /// `true` when a line break is behind the value so far, and may be that before its end.
    var hasBreak = false
    /// `true` once something of the value was there.
    var hasBegun = false
    /// `true` behind the byte with which a tag that is a token begins.
    var isInMark = false
  }

  enum Step: UInt8 {
    case between, key, name, keyEnd, valueTag, value
  }

  var object: JSONMachine
  private let tags: Tags
  var states: TranscodedStates<Place>
  /// Strings that no reader takes for another value.
  private let plainText: Expression

  private struct Tags {
    let key: [UInt8], keyEnd: [UInt8], value: [UInt8], valueEnd: [UInt8]
    let dropsLineBreaks: Bool
    /// The texts of tags that are tokens, by their numbers.
    let texts: [UInt8: [UInt8]]
  }

  fileprivate static let maxSpaces: UInt8 = 4
  private static let maxValueSpaces: UInt8 = 20

  /// - Parameters:
  ///   - tags: The tags.
  ///   - object: A machine of the object that the arguments are.
  ///   - marks: The special tokens that tags may be.
  init(_ tags: CallTags, _ object: JSONMachine, _ marks: AnswerMarks) {
    var object = object
    let names = [tags.key, tags.keyEnd, tags.value ?? "", tags.valueEnd]
    let texts = names.compactMap { name in marks.number(of: name).map { ($0, Array(name.utf8)) } }
    self.tags = Tags(
      key: Array(tags.key.utf8), keyEnd: Array(tags.keyEnd.utf8), value: Array((tags.value ?? "").utf8),
      valueEnd: Array(tags.valueEnd.utf8), dropsLineBreaks: tags.dropsLineBreaks,
      texts: Dictionary(uniqueKeysWithValues: texts))
    let opened = object.next(object.start, UInt8(ascii: "{"))
    states = TranscodedStates(start: Place(step: .between, text: 0, json: opened))
    let other = try? object.compiler.automaton.pool.match(
      #"\s*([\[{(][\s\S]*|[-+.0-9].*\s*|([Tt]rue|[Ff]alse|[Nn]one|null)\s*)"#)
    plainText = object.compiler.automaton.pool.complement(other ?? .nothing)
    self.object = object
  }

  mutating func isAccepting(_ state: Int32) -> Bool {
    guard state != 0, states[state].step == .between else { return false }
    return object.mayEndObject(states[state].json)
  }

  mutating func advance(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    if place.isInMark { return advance(place, tag: byte) }
    if byte == AnswerMarks.mark {
      place.isInMark = true
      let canGoOn = tags.texts.keys.contains { advance(place, tag: $0) != nil }
      return canGoOn ? place : nil
    }
    switch place.step {
    case .between, .key:
      if place.step == .between, byte.isJSONSpace { return place.space() }
      let comma = object.next(place.json, UInt8(ascii: ","))
      let name = object.next(comma != 0 ? comma : place.json, UInt8(ascii: "\""))
      place.step = .key
      guard name != 0, place.match(byte, tags.key) else { return nil }
      if place.matched == 0 { (place.step, place.json) = (.name, name) }
      return place
    case .name, .keyEnd: return advanceName(place, byte)
    case .valueTag:
      if place.matched == 0, byte.isJSONSpace { return place.space() }
      guard place.match(byte, tags.value) else { return nil }
      return place.matched == 0 ? beginValue(place) : place
    case .value: return advanceValue(place, byte)
    }
  }

  /// Reads a tag that is a token as if its text were there.
  private mutating func advance(_ place: Place, tag number: UInt8) -> Place? {
    guard let text = tags.texts[number] else { return nil }
    var place: Place? = place
    place?.isInMark = false
    for byte in text {
      guard let before = place else { return nil }
      place = advance(before, byte)
    }
    // A part of a value only looks like a tag.
    return place?.step == .value && place?.matched ?? 0 == 0 && place?.hasBegun ?? false ? nil : place
  }

  private mutating func advanceName(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    if byte == tags.keyEnd[Int(place.matched)] {
      // The name must be one that may be there.
      if place.matched == 0 {
        place.json = object.next(place.json, "\":".utf8)
        guard place.json != 0 else { return nil }
      }
      place.step = .keyEnd
      guard place.match(byte, tags.keyEnd), place.matched == 0 else { return place }
      guard !tags.value.isEmpty else { return beginValue(place) }
      place.step = .valueTag
      place.spaces = 0
      return place
    }
    guard place.step == .name, byte >= 0x20, byte != UInt8(ascii: "<") else { return nil }
    place.json = object.next(place.json, inString: byte)
    return place.json == 0 ? nil : place
  }

  // MARK: Values

  private mutating func beginValue(_ place: Place) -> Place? {
    var place = place
    (place.step, place.matched, place.spaces, place.hasBreak, place.hasBegun) = (.value, 0, 0, false, false)
    let isOther = "{[tfn-0123456789".utf8.contains { object.next(place.json, $0) != 0 }
    place.text =
      isOther
      ? object.stringState(of: plainText, before: place.json) : object.next(place.json, UInt8(ascii: "\""))
    if !isOther { place.json = 0 }
    return place.text == 0 && place.json == 0 ? nil : place
  }

  private mutating func advanceValue(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    if byte == tags.valueEnd[Int(place.matched)] {
      // The beginning of a tag may be that of the value.
      place.hasBegun = true
      guard place.match(byte, tags.valueEnd), place.matched == 0 else { return live(place) }
      return end(place)
    }
    if place.matched > 0 {
      // It was no tag.
      flush(&place)
      return advanceValue(place, byte)
    }
    if tags.dropsLineBreaks, byte == UInt8(ascii: "\n") {
      if !place.hasBegun {
        // The break behind the tag.
        place.hasBegun = true
        return live(place)
      }
      if place.hasBreak { take(byte, &place) }
      place.hasBreak = true
      return live(place)
    }
    place.hasBegun = true
    flush(&place)
    take(byte, &place)
    return live(place)
  }

  /// Takes what was held back as a part of the value.
  private mutating func flush(_ place: inout Place) {
    if place.hasBreak { take(UInt8(ascii: "\n"), &place) }
    for byte in tags.valueEnd[..<Int(place.matched)] { take(byte, &place) }
    (place.hasBreak, place.matched) = (false, 0)
  }

  /// Takes a byte of the value itself.
  private mutating func take(_ byte: UInt8, _ place: inout Place) {
    if place.text != 0 { place.text = object.next(place.text, inString: byte) }
    guard place.json != 0 else { return }
    // A string in quotes is taken for a text with quotes.
    let isQuoted = byte == UInt8(ascii: "\"") && object.isBeforeMemberValue(place.json)
    let isSpace = byte.isJSONSpace && object.isBetweenParts(place.json)
    place.spaces = isSpace ? place.spaces + 1 : 0
    place.json = isQuoted || place.spaces > Self.maxValueSpaces ? 0 : object.next(place.json, inValue: byte)
  }

  /// The place, if the value can be completed.
  private mutating func live(_ place: Place) -> Place? {
    if end(place) != nil { return place }
    guard place.matched > 0 || place.hasBreak else { return place.text == 0 && place.json == 0 ? nil : place }
    var whole = place
    flush(&whole)
    return whole.text == 0 && whole.json == 0 ? nil : place
  }

  /// The place behind the value; `nil` where it may not end.
  private mutating func end(_ place: Place) -> Place? {
    var place = place
    let behind = place.text == 0 ? 0 : object.next(place.text, UInt8(ascii: "\""))
    if object.mayEndValue(place.json) {
      place = Place(step: .between, text: 0, json: place.json)
    } else if object.mayEndValue(behind) {
      place = Place(step: .between, text: 0, json: behind)
    } else {
      return nil
    }
    return place
  }
}

extension TaggedArguments.Place {
  /// Takes a byte of a tag; `false` when it is another one. `matched` is 0 again behind the whole tag.
  fileprivate mutating func match(_ byte: UInt8, _ tag: [UInt8]) -> Bool {
    guard tag[Int(matched)] == byte else { return false }
    matched = Int(matched) + 1 == tag.count ? 0 : matched + 1
    return true
  }

  /// The place behind white space between tags.
  fileprivate func space() -> Self? {
    guard spaces < TaggedArguments.maxSpaces else { return nil }
    var place = self
    place.spaces += 1
    return place
  }
}
