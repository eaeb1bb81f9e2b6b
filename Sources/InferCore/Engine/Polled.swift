/// The answer of a sequence that is asked for its next element without waiting.
package enum Polled<Element> {
  /// The next element.
  case element(Element)
  /// Nothing yet.
  case pending
  /// Nothing any more.
  case ended
}

extension Polled: Sendable where Element: Sendable {}
