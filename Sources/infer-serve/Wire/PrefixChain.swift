import InferCore
import InferText

/// Hashes of a request's beginnings, which whoever has its JSON can compute: a router sees with them how much of a request a
/// server has kept (`GET /cache/digest`).
///
/// The first hash is that of the members that stand before the conversation in a prompt, ``rootFields``. Those that follow are
/// chained: each is of the one before and of the next block of the conversation. The conversation is `messages`, `input` or
/// `prompt`, whichever is there first; its segments are the elements of the list, or the text or the list of tokens as a whole.
/// A segment is written in the form of ``encode(_:into:)`` and cut into blocks of ``blockBytes``, the last of which is shorter.
/// A hash is SHA-256's, of which the first eight bytes are told as hexadecimal digits.
struct PrefixChain {
  /// The number of this way to compute hashes; another way has another.
  static let format = 1
  /// The bytes of a block.
  static let blockBytes = 1024
  /// The members of a request, beside its conversation, that its prompt may begin with, in this order.
  static let rootFields = [
    "model", "cache_salt", "previous_response_id", "conversation", "system", "instructions", "tools", "functions",
    "documents", "chat_template_kwargs", "reasoning_effort", "reasoning", "thinking", "think", "enable_thinking",
  ]

  /// The end of a block.
  struct Link {
    /// The hash of all up to there.
    var hash: UInt64
    /// The bytes of all segments up to there.
    var bytes: Int
  }

  /// The parts of the conversation.
  let segments: [JSONValue]
  /// The number of the segments' bytes before each of them, and of all at the end.
  private(set) var starts = [0]
  /// The root, which has no bytes, and the blocks.
  private(set) var links: [Link]

  /// The chain of a request's body; `nil` for one without a conversation or with several prompts.
  init?(_ reader: FieldReader) {
    guard let segments = Self.segments(reader) else { return nil }
    self.segments = segments
    var hash = Self.root(reader)
    links = [Link(hash: Self.number(hash), bytes: 0)]
    for segment in segments {
      var bytes: [UInt8] = []
      Self.encode(segment, into: &bytes)
      let start = starts[starts.count - 1]
      var end = 0
      while end < bytes.count {
        let next = min(end + Self.blockBytes, bytes.count)
        hash = SHA256.hash(data: hash + bytes[end..<next])
        end = next
        links.append(Link(hash: Self.number(hash), bytes: start + end))
      }
      starts.append(start + bytes.count)
    }
  }

  private static func segments(_ reader: FieldReader) -> [JSONValue]? {
    for name in ["messages", "input", "prompt"] {
      guard let value = reader[name] else { continue }
      guard let elements = value.array else { return value.string == nil ? nil : [value] }
      if case .integer = elements.first { return [value] }
      return elements.isEmpty || name == "prompt" && elements.count > 1 ? nil : elements
    }
    return nil
  }

  private static func root(_ reader: FieldReader) -> [UInt8] {
    var bytes = Array("infer-serve prefixes \(format)\n".utf8)
    for name in rootFields {
      guard let value = reader[name] else { continue }
      encode(.string(name), into: &bytes)
      encode(value, into: &bytes)
    }
    return SHA256.hash(data: bytes)
  }

  /// The number that is told of a hash; never 0.
  private static func number(_ hash: [UInt8]) -> UInt64 { max(1, hash.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }) }

  /// Writes a value so that values that begin alike have bytes that do: `n`, `t` and `f` for null, true and false; `i`, the
  /// digits and `;` for an integer; `d` and eight bytes, the highest first, for another number; `s`, UTF-8 and a byte 255 for
  /// a string; `a`, the elements and `e` for an array; `o`, the names as strings, each before its value, and `e` for an
  /// object, in the order in which they came.
  static func encode(_ value: JSONValue, into bytes: inout [UInt8]) {
    switch value {
    case .null: bytes.append(UInt8(ascii: "n"))
    case .bool(let value): bytes.append(value ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    case .integer(let value): bytes += "i\(value);".utf8
    case .largeInteger(let value): bytes += "i\(value);".utf8
    case .number(let value):
      bytes.append(UInt8(ascii: "d"))
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
      }
    case .string(let value): encode(value, into: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "a"))
      for element in elements { encode(element, into: &bytes) }
      bytes.append(UInt8(ascii: "e"))
    case .object(let members):
      bytes.append(UInt8(ascii: "o"))
      for (name, value) in zip(members.keys, members.values) {
        encode(name, into: &bytes)
        encode(value, into: &bytes)
      }
      bytes.append(UInt8(ascii: "e"))
    }
  }

  private static func encode(_ text: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "s"))
    bytes += text.utf8
    bytes.append(0xFF)
  }
}

extension PrefixChain {
  /// The chain's links as places in a prompt.
  ///
  /// Where a segment's place is not known, and within segments, places are those of as many tokens as the bytes before them are
  /// of all.
  ///
  /// - Parameters:
  ///   - tokenCount: The number of the prompt's tokens.
  ///   - places: The number of tokens before the text of each segment, as far as it is known.
  func landmarks(tokenCount: Int, places: [Int?] = []) -> [PromptLandmark] {
    var anchors = [(bytes: 0, tokens: 0)]
    for (start, place) in zip(starts, places) {
      guard let place, place >= anchors[anchors.count - 1].tokens, place <= tokenCount else { continue }
      if start == 0 { anchors = [] }
      anchors.append((start, place))
    }
    let all = starts[starts.count - 1]
    anchors.append((all, tokenCount))
    var next = 1
    var landmarks: [PromptLandmark] = []
    for link in links {
      while anchors[next].bytes < link.bytes { next += 1 }
      let (before, behind) = (anchors[next - 1], anchors[next])
      let part = Double(link.bytes - before.bytes) / Double(max(1, behind.bytes - before.bytes))
      let tokens = before.tokens + Int(part * Double(behind.tokens - before.tokens))
      if tokens > 0 { landmarks.append(PromptLandmark(hash: link.hash, tokens: tokens)) }
    }
    return landmarks
  }

  /// The longest text in a segment, which is most likely what stands in the prompt.
  static func text(of segment: JSONValue) -> String {
    func longest(_ values: some Sequence<JSONValue>) -> String {
      values.map(text).max { $0.utf8.count < $1.utf8.count } ?? ""
    }
    return switch segment {
    case .string(let text): text
    case .array(let elements): longest(elements)
    case .object(let members): longest(members.values)
    default: ""
    }
  }
}
