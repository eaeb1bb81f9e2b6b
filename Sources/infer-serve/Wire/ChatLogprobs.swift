import InferCore
import InferKit
import InferText

/// The elements of one list of log-probabilities of a chat: of the message's content, or of its reasoning.
///
/// An element covers those bytes of its token that belong to the list's text, so that the bytes of all elements joined
/// are that text. A token that lies across a tag or a stop string has an element with a part of its bytes, one that
/// has none there has no element, and one with bytes in both texts has an element in both lists.
struct LogprobList {
  /// All elements that are complete.
  private(set) var elements: [JSONValue] = []
  /// Elements that have not been told.
  private var pending = 0
  /// A token of which more bytes may come.
  private var open: (number: Int, bytes: [UInt8])?
  private let format: LogprobsFormat

  init(_ format: LogprobsFormat) { self.format = format }

  /// The number of the token that is not complete.
  var openNumber: Int? { open?.number }

  /// Adds a text whose bytes stand at places of the answer.
  mutating func add(_ text: String, at places: [(offset: Int, count: Int)], _ ledger: TokenLedger) {
    var rest = text.utf8[...]
    for (offset, count) in places {
      add(rest.prefix(count), at: offset, ledger)
      rest = rest.dropFirst(count)
    }
  }

  /// Adds bytes of the text, which stand together at an offset of the answer.
  private mutating func add(_ bytes: some Sequence<UInt8>, at offset: Int, _ ledger: TokenLedger) {
    var end = offset
    for byte in bytes {
      let number = ledger.number(at: end)
      if open?.number != number { close(ledger) }
      open = (number, (open?.bytes ?? []) + [byte])
      end += 1
    }
    closeUnlessGoingOn(at: end, ledger)
  }

  /// Completes the token of which no bytes can come when the text goes on at an offset.
  mutating func closeUnlessGoingOn(at offset: Int, _ ledger: TokenLedger) {
    guard let open else { return }
    let length = ledger.token(open.number).map { format.length($0.id) } ?? 0
    if !ledger.goesOn(open.number, at: offset, length: length) { close(ledger) }
  }

  /// Completes the token whose bytes came last.
  mutating func close(_ ledger: TokenLedger) {
    if let open, let token = ledger.token(open.number), let element = format.chat(token, bytes: open.bytes) {
      elements.append(element)
      pending += 1
    }
    open = nil
  }

  /// The elements that have not been told.
  mutating func take() -> [JSONValue] {
    defer { pending = 0 }
    return Array(elements.suffix(pending))
  }
}

/// The log-probabilities of a chat's choice.
struct ChatLogprobs {
  /// The content's and the reasoning's.
  var content: LogprobList
  var reasoning: LogprobList

  /// The addition of a step to them.
  struct Delta: Equatable {
    var content: [JSONValue]
    var reasoning: [JSONValue]

    var isEmpty: Bool { content.isEmpty && reasoning.isEmpty }

    /// The object `logprobs`. The reasoning's stand beside the content's where there are any.
    var json: JSONValue {
      var members: JSONObject = ["content": .array(content)]
      if !reasoning.isEmpty { members["reasoning_content"] = .array(reasoning) }
      members["refusal"] = .null
      return .object(members)
    }
  }

  init(_ format: LogprobsFormat) {
    content = LogprobList(format)
    reasoning = LogprobList(format)
  }

  /// The least number of a token that may get more bytes.
  var openNumber: Int? { [content.openNumber, reasoning.openNumber].compactMap { $0 }.min() }

  /// Completes tokens of which no bytes can come when the text goes on at an offset.
  mutating func closeUnlessGoingOn(at offset: Int, _ ledger: TokenLedger) {
    content.closeUnlessGoingOn(at: offset, ledger)
    reasoning.closeUnlessGoingOn(at: offset, ledger)
  }

  /// Completes all tokens.
  mutating func close(_ ledger: TokenLedger) {
    content.close(ledger)
    reasoning.close(ledger)
  }

  /// The elements that have not been told.
  mutating func take() -> Delta { Delta(content: content.take(), reasoning: reasoning.take()) }

  /// All of it.
  var all: Delta { Delta(content: content.elements, reasoning: reasoning.elements) }
}
